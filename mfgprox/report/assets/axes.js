// A canvas with a frame, ticks and labels. Coordinates of data → pixels of the style sheet.

function theme() {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(`--${name}`).trim();
  const named = {};
  for (const name of ["page", "ink", "soft", "line", "panel", "P", "Q", "R", "path"]) named[name] = color(name);
  named.dark = parseInt(named.page.slice(1, 3), 16) < 128;
  return named;
}

function niceTicks(low, high, most) {
  const raw = (high - low) / Math.max(1, most);
  if (!(raw > 0)) return [];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

// Sizes the canvas for its place and the device; the plot is `ratio` times as high as wide.
function layOut(canvas, { x, y, ratio, bar, tallest }) {
  const left = 52, right = bar ? 62 : 12, top = 10, bottom = 40;
  const width = Math.max(220, Math.floor(canvas.parentElement.clientWidth));
  let across = width - left - right;
  let up = across * ratio;
  if (up > tallest) { up = tallest; if (bar) across = up / ratio; }
  const height = Math.round(up + top + bottom);
  const scale = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  const area = { left, top, width: across, height: up };
  return {
    context, area, x, y, width, height,
    px: (v) => left + ((v - x[0]) / (x[1] - x[0])) * across,
    py: (v) => top + up - ((v - y[0]) / (y[1] - y[0])) * up,
    dataX: (p) => x[0] + ((p - left) / across) * (x[1] - x[0]),
    dataY: (p) => y[0] + ((top + up - p) / up) * (y[1] - y[0]),
  };
}

function clear(plot, colors) {
  plot.context.fillStyle = colors.page;
  plot.context.fillRect(0, 0, plot.width, plot.height);
}

function drawFrame(plot, colors, xName, yName) {
  const { context, area } = plot;
  context.strokeStyle = colors.soft;
  context.fillStyle = colors.ink;
  context.lineWidth = 1;
  context.strokeRect(area.left + 0.5, area.top + 0.5, area.width - 1, area.height - 1);
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const tick of niceTicks(...plot.x, area.width / 70)) {
    line(context, plot.px(tick), area.top + area.height, 0, -5);
    context.fillText(shortNumber(tick), plot.px(tick), area.top + area.height + 5);
  }
  context.fillText(xName, area.left + area.width / 2, area.top + area.height + 22);
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const tick of niceTicks(...plot.y, area.height / 45)) {
    line(context, area.left, plot.py(tick), 5, 0);
    context.fillText(shortNumber(tick), area.left - 5, plot.py(tick));
  }
  if (!yName) return;
  context.save();
  context.translate(8, area.top + area.height / 2);
  context.rotate(-Math.PI / 2);
  context.textAlign = "center";
  context.fillText(yName, 0, 0);
  context.restore();
}

function drawColorBar(plot, colors, table, range) {
  const { context, area } = plot;
  const left = area.left + area.width + 10;
  for (let i = 0; i < 255; i++) {
    context.fillStyle = `rgb(${table[3 * i]},${table[3 * i + 1]},${table[3 * i + 2]})`;
    const top = area.top + area.height * (1 - (i + 1) / 255);
    context.fillRect(left, top, 10, area.height / 255 + 1);
  }
  context.strokeStyle = colors.soft;
  context.strokeRect(left + 0.5, area.top + 0.5, 9, area.height - 1);
  context.fillStyle = colors.ink;
  context.textAlign = "left";
  context.textBaseline = "middle";
  for (const tick of niceTicks(...range, area.height / 50)) {
    const share = (tick - range[0]) / (range[1] - range[0]);
    context.fillText(shortNumber(tick), left + 14, area.top + area.height * (1 - share));
  }
}

function line(context, x, y, dx, dy) {
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x + dx, y + dy);
  context.stroke();
}

function inside(plot, draw) {
  const { context, area } = plot;
  context.save();
  context.beginPath();
  context.rect(area.left, area.top, area.width, area.height);
  context.clip();
  draw(context);
  context.restore();
}
