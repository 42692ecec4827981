"""Recipes: strict, flat, and the published numbers."""

import pytest

from asgnet.errors import UsageError
from asgnet.study.recipe import Recipe, load_recipe, parse_changes, recipe_names


@pytest.mark.parametrize("name", ["default", "light", "paper-pascal", "paper-coco", "asgnet-code-pascal"])
def test_survives_its_own_toml(name, tmp_path):
    recipe = load_recipe(name, {"backbone": 'odd "name" \\ here'})
    (tmp_path / "mine.toml").write_text(recipe.toml())
    assert load_recipe(tmp_path / "mine.toml") == recipe
    assert name in recipe_names()


def test_published_numbers():
    pascal, coco = load_recipe("paper-pascal"), load_recipe("paper-coco")
    for recipe in (pascal, coco):
        assert (recipe.optimizer, recipe.momentum, recipe.decay) == ("sgd", 0.9, 1e-4)
        assert (recipe.schedule, recipe.power, recipe.warmup, recipe.clip) == ("poly", 0.9, 0, 0)
        assert (recipe.loss, recipe.auxiliary, recipe.ema, recipe.cached) == ("pixels", 1, 0, False)
        assert (recipe.rotation, recipe.rotation_share, recipe.blur_share, recipe.keep) == (
            10,
            0.5,
            0.5,
            0.85,
        )
        assert (recipe.network, recipe.shots, recipe.class_pixels) == ("paper-r50", (1,), 2048)
        assert (recipe.pseudo, recipe.unions, recipe.absent) == (0, 0, 0)
    assert (pascal.rate, pascal.batch, pascal.epochs, pascal.side) == (0.025, 4, 200, 473)
    assert (coco.rate, coco.batch, coco.epochs, coco.side) == (0.05, 8, 50, 641)
    assert (pascal.scale, coco.scale) == ((0.9, 1.1), (0.8, 1.25))


def test_changes_win():
    recipe = load_recipe("default", parse_changes(["rate = 0.5", "shots=[4]", "odds=[]", "network=light"]))
    assert (recipe.rate, recipe.shots, recipe.network) == (0.5, (4,), "light")


def test_weights_go_on_with_the_last():
    recipe = Recipe(weights=(2, 1))
    assert [recipe.weight(i) for i in range(4)] == [2, 1, 1, 1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"btach": 4}, "no key 'btach'. Did you mean 'batch'?"),
        ({"batch": 0}, "batch = 0: Input should be greater than or equal to 1"),
        ({"rate": "fast"}, "rate = 'fast': Input should be a valid number"),
        ({"rate": float("nan")}, "rate = nan"),
        ({"optimizer": "adam"}, "optimizer = 'adam': Input should be 'adamw' or 'sgd'"),
        ({"odds": [1.0]}, "odds must be 4 probabilities"),
        ({"shots": [], "odds": []}, "at least one number"),
        ({"shots": [0], "odds": []}, "shots"),
        ({"cached": False}, "pseudo needs cached = true"),
        ({"scale": [2.0, 1.0]}, "smallest and the largest"),
    ],
)
def test_refuses(changes, words):
    with pytest.raises(UsageError) as refused:
        load_recipe("default", changes)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_names_and_files_that_are_none(tmp_path):
    with pytest.raises(UsageError, match=r"no recipe 'paper-pascl'.*Did you mean 'paper-pascal'\?"):
        load_recipe("paper-pascl")
    with pytest.raises(UsageError, match="cannot be read"):
        load_recipe(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("batch = = 4")
    with pytest.raises(UsageError, match="no TOML"):
        load_recipe(tmp_path / "bad.toml")
    with pytest.raises(UsageError, match="key=value, not 'rate'"):
        parse_changes(["rate"])
