// One space axis: curves at a time, and the whole path over space and time.

function cell(scene, i, count) {
  return scene.lower[0] + ((i + 0.5) * (scene.upper[0] - scene.lower[0])) / count;
}

function drawCurves(canvas, scene, panel, view, colors) {
  const plot = layOut(canvas, { x: [scene.lower[0], scene.upper[0]], y: panel.range, ratio: 0.62, tallest: 340 });
  const array = scene.arrays[panel.array], count = array.shape[1];
  const values = array.values.subarray(view.k * count, (view.k + 1) * count);
  clear(plot, colors);
  inside(plot, (context) => {
    for (const name of panel.fixed) {
      context.setLineDash(name === "Q" ? [7, 4] : []);
      curve(context, plot, scene, scene.arrays[name].values, colors[name], 1.5);
    }
    context.setLineDash([]);
    if (panel.mass) {
      curve(context, plot, scene, values, colors.soft, 0.8);
      curve(context, plot, scene, withMass(scene, panel, view.k, values), colors.ink, 2.4);
    } else {
      fill(context, plot, scene, values, colors);
      curve(context, plot, scene, values, colors.ink, 2);
    }
  });
  drawFrame(plot, colors, scene.axes[0], panel.unit);
  names(plot, panel, colors);
  return { plot, read: (x) => values[Math.floor(((x - scene.lower[0]) / (scene.upper[0] - scene.lower[0])) * count)] };
}

function curve(context, plot, scene, values, color, width) {
  context.strokeStyle = color;
  context.lineWidth = width;
  context.beginPath();
  let drawing = false;
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) { drawing = false; continue; }
    const x = plot.px(cell(scene, i, values.length)), y = plot.py(values[i]);
    if (drawing) context.lineTo(x, y); else context.moveTo(x, y);
    drawing = true;
  }
  context.stroke();
}

function fill(context, plot, scene, values, colors) {
  context.globalAlpha = 0.18;
  context.fillStyle = colors.ink;
  context.beginPath();
  context.moveTo(plot.px(scene.lower[0]), plot.py(0));
  values.forEach((v, i) => context.lineTo(plot.px(cell(scene, i, values.length)), plot.py(v)));
  context.lineTo(plot.px(scene.upper[0]), plot.py(0));
  context.fill();
  context.globalAlpha = 1;
}

function withMass(scene, panel, k, values) {
  const array = scene.arrays[panel.mass], count = array.shape[1];
  const rho = array.values.subarray(k * count, (k + 1) * count);
  const top = rho.reduce((a, b) => Math.max(a, b), 0);
  return Array.from(values, (v, i) => (rho[i] >= 1e-3 * top ? v : NaN));
}

function names(plot, panel, colors) {
  const { context, area } = plot;
  const entries = [...panel.fixed, panel.mass ? "U" : "ρ"];
  context.textAlign = "right";
  context.textBaseline = "top";
  context.font = "italic 14px Georgia, serif";
  entries.reverse().forEach((name, i) => {
    context.fillStyle = colors[name] || colors.ink;
    context.fillText(name === "U" || name === "ρ" ? `${name}ₜ` : name, area.left + area.width - 10 - 26 * i, area.top + 8);
  });
}

function drawSpaceTime(canvas, scene, panel, view, colors) {
  const times = scene.times, last = times[times.length - 1];
  const plot = layOut(canvas, { x: [scene.lower[0], scene.upper[0]], y: [0, last], ratio: 0.62, tallest: 340, bar: true });
  const array = scene.arrays[panel.array], [levels, count] = array.shape;
  const table = colorTable(scene.maps[panel.map][colors.dark ? "dark" : "light"]);
  const rows = 256, image = new ImageData(count, rows);
  for (let row = 0; row < rows; row++) {
    const time = (1 - (row + 0.5) / rows) * last;
    let k = 0;
    while (k < levels - 1 && Math.abs(times[k + 1] - time) < Math.abs(times[k] - time)) k++;
    for (let i = 0; i < count; i++) {
      const step = Math.round((254 * array.values[k * count + i]) / panel.range[1]);
      paint(image.data, row * count + i, Math.min(254, step), table);
    }
  }
  clear(plot, colors);
  drawImage(plot, image);
  inside(plot, (context) => {
    if (view.paths) spaceTimePaths(context, plot, scene, colors);
    context.strokeStyle = colors.Q;
    context.lineWidth = 2;
    line(context, plot.area.left, plot.py(times[view.k]), plot.area.width, 0);
  });
  drawFrame(plot, colors, scene.axes[0], "time t");
  drawColorBar(plot, colors, table, panel.range);
  return { plot, read: (x, y) => {
    const k = times.reduce((best, t, i) => (Math.abs(t - y) < Math.abs(times[best] - y) ? i : best), 0);
    return array.values[k * count + Math.floor(((x - scene.lower[0]) / (scene.upper[0] - scene.lower[0])) * count)];
  } };
}

function spaceTimePaths(context, plot, scene, colors) {
  const [levels, count] = scene.arrays.paths.shape, places = scene.arrays.paths.values;
  context.strokeStyle = colors.path;
  context.lineWidth = 0.8;
  for (let n = 0; n < count; n++) {
    context.beginPath();
    for (let k = 0; k < levels; k++) context.lineTo(plot.px(places[k * count + n]), plot.py(scene.times[k]));
    context.stroke();
  }
}
