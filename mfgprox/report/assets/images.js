// Fields of two axes as images: densities, potentials, slices of fields of three axes.

function paint(data, place, step, table) {
  if (step === 255) { data[4 * place + 3] = 0; return; }
  for (let c = 0; c < 3; c++) data[4 * place + c] = table[3 * step + c];
  data[4 * place + 3] = 255;
}

function drawImage(plot, image) {
  const off = document.createElement("canvas");
  off.width = image.width;
  off.height = image.height;
  off.getContext("2d").putImageData(image, 0, 0);
  plot.context.imageSmoothingEnabled = true;
  plot.context.imageSmoothingQuality = "high";
  plot.context.drawImage(off, plot.area.left, plot.area.top, plot.area.width, plot.area.height);
}

// Where the bytes of a panel lie: how many across and up, and the strides to step by.
function slab(scene, panel, view) {
  const { shape } = scene.arrays[panel.array];
  if (panel.kind === "image") {
    const [, up, across] = shape;
    return { across, up, start: view.k * up * across, stepX: 1, stepY: across, plane: panel.plane };
  }
  const [, nz, ny, nx] = shape, strides = [1, nx, nx * ny], counts = [nx, ny, nz];
  const plane = [0, 1, 2].filter((axis) => axis !== view.sliceAxis);
  const start = view.k * nx * ny * nz + view.position * strides[view.sliceAxis];
  return { across: counts[plane[0]], up: counts[plane[1]], start, stepX: strides[plane[0]], stepY: strides[plane[1]], plane };
}

function drawField(canvas, scene, panel, view, colors) {
  const array = scene.arrays[panel.array], part = slab(scene, panel, view);
  const [a, b] = part.plane;
  const x = [scene.lower[a], scene.upper[a]], y = [scene.lower[b], scene.upper[b]];
  const plot = layOut(canvas, { x, y, ratio: (y[1] - y[0]) / (x[1] - x[0]), tallest: 460, bar: true });
  const table = colorTable(scene.maps[panel.map][colors.dark ? "dark" : "light"]);
  const image = new ImageData(part.across, part.up);
  const at = (i, j) => array.values[part.start + i * part.stepX + j * part.stepY];
  for (let j = 0; j < part.up; j++) {
    const row = (part.up - 1 - j) * part.across;
    for (let i = 0; i < part.across; i++) paint(image.data, row + i, at(i, j), table);
  }
  clear(plot, colors);
  drawImage(plot, image);
  inside(plot, (context) => {
    if (view.contours && panel.contours) {
      for (const name of Object.keys(panel.contours)) polylines(context, plot, panel.contours[name], colors[name]);
    }
    if (view.paths && panel.kind === "image") particles(context, plot, scene, part.plane, view.k, panel.map === "density" ? colors : { ...colors, path: colors.soft });
  });
  drawFrame(plot, colors, scene.axes[a], scene.axes[b]);
  drawColorBar(plot, colors, table, panel.range);
  return { plot, read: (u, v) => {
    const i = Math.floor(((u - x[0]) / (x[1] - x[0])) * part.across), j = Math.floor(((v - y[0]) / (y[1] - y[0])) * part.up);
    return valueOf(array, at(Math.min(i, part.across - 1), Math.min(j, part.up - 1)));
  } };
}

function polylines(context, plot, lines, color) {
  context.strokeStyle = color;
  context.lineWidth = 1.4;
  for (const points of lines) {
    context.beginPath();
    for (let i = 0; i < points.length; i += 2) context.lineTo(plot.px(points[i]), plot.py(points[i + 1]));
    context.stroke();
  }
}

// Each particle, and the way that it has come.
function particles(context, plot, scene, plane, k, colors) {
  const [, count, axes] = scene.arrays.paths.shape, places = scene.arrays.paths.values;
  const place = (level, n, axis) => places[(level * count + n) * axes + axis];
  context.strokeStyle = colors.path;
  context.fillStyle = colors.ink;
  context.lineWidth = 0.8;
  for (let n = 0; n < count; n++) {
    context.beginPath();
    for (let level = 0; level <= k; level++) context.lineTo(plot.px(place(level, n, plane[0])), plot.py(place(level, n, plane[1])));
    context.stroke();
    context.beginPath();
    context.arc(plot.px(place(k, n, plane[0])), plot.py(place(k, n, plane[1])), 1.8, 0, 2 * Math.PI);
    context.fill();
  }
}
