"""The shipped network: supports, statistics, similarity maps, decoder, presence; changing it means training anew."""
