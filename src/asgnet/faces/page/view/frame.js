// Where a picture lies on the screen: screen = picture * scale + offset, in device pixels.

const CLOSEST = 40; // screen pixels a picture pixel

export class Frame {
  scale = 1;
  x = 0;
  y = 0;

  /** Show the whole picture, centred. */
  fit(width, height, across, down) {
    this.scale = Math.min(across / width, down / height);
    this.x = (across - width * this.scale) / 2;
    this.y = (down - height * this.scale) / 2;
  }

  toPicture(sx, sy) {
    return [(sx - this.x) / this.scale, (sy - this.y) / this.scale];
  }

  toScreen(x, y) {
    return [x * this.scale + this.x, y * this.scale + this.y];
  }

  /** Enlarge `times` around a screen point that stays where it is. */
  zoom(times, sx, sy, smallest) {
    const scale = Math.min(CLOSEST, Math.max(smallest, this.scale * times));
    const [px, py] = this.toPicture(sx, sy);
    this.scale = scale;
    this.x = sx - px * scale;
    this.y = sy - py * scale;
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
  }

  /** Never lose the picture: it stays centred where it is smaller than the screen, and covers it where larger. */
  hold(width, height, across, down) {
    this.x = held(this.x, width * this.scale, across);
    this.y = held(this.y, height * this.scale, down);
  }
}

function held(offset, size, room) {
  return size <= room ? (room - size) / 2 : Math.min(0, Math.max(room - size, offset));
}
