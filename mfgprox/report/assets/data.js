// What the page carries, unpacked.

async function inflate(text) {
  const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// {type, shape, low, high, values}: bytes are steps between low and high, 255 where hidden.
async function unpack(stored) {
  const bytes = await inflate(stored.data);
  if (stored.type === "f4") return { ...stored, values: new Float32Array(bytes.buffer) };
  const width = stored.shape[stored.shape.length - 1];
  for (let row = 0; row < bytes.length; row += width) {
    for (let i = row + 1; i < row + width; i++) bytes[i] = (bytes[i] + bytes[i - 1]) & 255;
  }
  return { ...stored, values: bytes };
}

async function unpackScene(element) {
  const scene = JSON.parse(element.textContent);
  const names = Object.keys(scene.arrays);
  const arrays = await Promise.all(names.map((name) => unpack(scene.arrays[name])));
  names.forEach((name, i) => { scene.arrays[name] = arrays[i]; });
  return scene;
}

// 255 colours of six hexadecimal digits → [r, g, b, r, …].
function colorTable(digits) {
  return Uint8Array.from(digits.match(/../g), (pair) => parseInt(pair, 16));
}

function valueOf(array, byte) {
  return byte === 255 ? NaN : array.low + ((array.high - array.low) * byte) / 254;
}

function shortNumber(value) {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const text = size >= 1e5 || size < 1e-3 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
  return text.replace("-", "−");
}
