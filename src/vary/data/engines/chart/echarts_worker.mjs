// Draws ECharts options without a window, one after the other, until its input ends.
//
// In: a line of JSON for each chart. Out: a line of JSON, and after it as many bytes as its field
// `bytes` says: the picture as RGBA. The first argument is the folder that holds node_modules.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const load = createRequire(join(process.argv[2], 'package.json'));
const echarts = load('echarts');
const { createCanvas, GlobalFonts } = load('@napi-rs/canvas');

echarts.setPlatformAPI({ createCanvas: () => createCanvas(8, 8) });
const registered = new Set();
// One for all charts: pictures that wait for the collector fill the memory.
const canvas = createCanvas(8, 8);
const pen = createCanvas(8, 8).getContext('2d');

// Skia takes the first face of a collection alone: others are written out as a file of their own.
function faceOf(path, index) {
  const file = readFileSync(path);
  if (file.toString('latin1', 0, 4) !== 'ttcf') return file;
  const start = file.readUInt32BE(12 + 4 * index);
  const count = file.readUInt16BE(start + 4);
  const head = Buffer.from(file.subarray(start, start + 12 + 16 * count));
  const parts = [head];
  let offset = head.length;
  for (let table = 0; table < count; table += 1) {
    const entry = 12 + 16 * table;
    const from = head.readUInt32BE(entry + 8);
    const length = head.readUInt32BE(entry + 12);
    head.writeUInt32BE(offset, entry + 8);
    parts.push(file.subarray(from, from + length), Buffer.alloc((4 - (length % 4)) % 4));
    offset += length + ((4 - (length % 4)) % 4);
  }
  return Buffer.concat(parts);
}

// By file, since those are mapped: large Chinese faces would fill the memory. What is mapped stays
// after its name is gone.
function registerPart(path, index, family) {
  const folder = mkdtempSync(join(tmpdir(), 'vary-face-'));
  try {
    const file = join(folder, 'face');
    writeFileSync(file, faceOf(path, index));
    return GlobalFonts.registerFromPath(file, family);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function registerFonts(fonts) {
  for (const { family, path, index } of fonts) {
    if (registered.has(family)) continue;
    const key = index === 0 ? GlobalFonts.registerFromPath(path, family) : registerPart(path, index, family);
    if (!key) throw new Error(`no font: ${path}`);
    registered.add(family);
  }
}

// Options are plain JSON. What ECharts wants as a function is written as an object:
// {$text: T} gives T; {$ticks: [[value, text], ...]} the text of the nearest value.
function revive(value) {
  if (Array.isArray(value)) return value.map(revive);
  if (value === null || typeof value !== 'object') return value;
  if ('$text' in value) return () => value.$text;
  if ('$ticks' in value) {
    return (number) => value.$ticks.reduce((best, tick) =>
      Math.abs(tick[0] - number) < Math.abs(best[0] - number) ? tick : best)[1];
  }
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, revive(inner)]));
}

function viewsOf(chart) {
  return [...chart._componentsViews, ...chart._chartsViews].filter((view) => view.__model);
}

function groupRect(chart, mainType, index) {
  const found = viewsOf(chart).find(({ __model: model }) =>
    model.mainType === mainType && model.componentIndex === index);
  const rect = found?.group.getBoundingRect();
  if (!rect || !rect.height) return null;
  return { x: rect.x + found.group.x, y: rect.y + found.group.y, width: rect.width, height: rect.height };
}

// Draws titles and legend alone, which is quick, to know their sizes: a pie of equal parts has the
// legend's names whatever the chart is. Without a legend no series is needed.
function measure(chart, { title, legend }) {
  if (!legend[0].show) {
    if (title.length) chart.setOption({ animation: false, title });
    return;
  }
  const data = legend[0].data.map((name) => ({ name, value: 1, label: { show: false } }));
  chart.setOption({ animation: false, title, legend, series: [{ type: 'pie', data }] });
}

// Puts titles and legends one under the other by their true sizes; the plot gets the rest.
function arrange(chart, option, { height, layout }) {
  measure(chart, option);
  const { padding, gap } = layout;
  const room = { left: padding, top: padding, right: padding, bottom: padding };
  const place = (side, part) => {
    const index = part === 'note' ? layout.note : 0;
    const type = part === 'legend' ? 'legend' : 'title';
    const rect = groupRect(chart, type, index);
    if (!rect) return;
    const told = option[type][index];
    if (side === 'right' || side === 'left') {
      told[side] = padding;
      told.top = Math.max(room.top, room.top + (height - room.top - room.bottom - rect.height) / 2);
      room[side] += rect.width + gap;
    } else {
      told[side] = room[side];
      if (side === 'bottom') told.top = 'auto';
      room[side] += rect.height + gap;
    }
  };
  for (const side of ['top', 'bottom', 'left', 'right']) {
    for (const part of layout[side]) place(side, part);
  }
  for (const plot of layout.round ? option.series : option.grid) Object.assign(plot, room);
  return room;
}

function plotOf(chart, room, { width, height }) {
  const grid = chart.getModel().getComponent('grid', 0)?.coordinateSystem.getRect();
  if (grid) return { x0: grid.x, y0: grid.y, x1: grid.x + grid.width, y1: grid.y + grid.height };
  return { x0: room.left, y0: room.top, x1: width - room.right, y1: height - room.bottom };
}

// Group or element -> what it belongs to.
function owners(chart) {
  const found = new Map();
  for (const view of viewsOf(chart)) {
    const model = view.__model;
    found.set(view.group, { part: model.mainType, number: model.componentIndex });
    if (model.mainType !== 'series') continue;
    const data = model.getData();
    for (let at = 0; at < data.count(); at += 1) {
      const element = data.getItemGraphicEl(at);
      if (element) found.set(element, { part: 'series', number: model.componentIndex, at });
    }
  }
  return found;
}

function ownerOf(element, found) {
  for (let one = element; one; one = one.__hostTarget ?? one.parent) {
    if (found.has(one)) return found.get(one);
  }
  return null;
}

function turned(transform, x, y) {
  if (!transform) return [x, y];
  const [a, b, c, d, e, f] = transform;
  return [a * x + c * y + e, b * x + d * y + f];
}

function isShown(element) {
  for (let one = element; one; one = one.__hostTarget ?? one.parent) {
    if (one.ignore || one.invisible) return false;
  }
  return (element.style.opacity ?? 1) > 0;
}

function textsOf(chart, found) {
  const texts = [];
  const blocks = new Map();
  for (const span of chart.getZr().storage.getDisplayList(true)) {
    if (span.type !== 'tspan' || !span.style.text || !isShown(span)) continue;
    const owner = ownerOf(span, found);
    const block = span.parent ?? span;
    if (!blocks.has(block)) blocks.set(block, blocks.size);
    const rect = span.getBoundingRect();
    const { font, text, textAlign, x: anchor = 0 } = span.style;
    // A line's own rectangle is as wide as the longest line of its text.
    pen.font = font;
    const { width } = pen.measureText(text);
    const shift = { center: 0, middle: 0, right: -width / 2, end: -width / 2 }[textAlign] ?? width / 2;
    const transform = span.getComputedTransform();
    const [x, y] = turned(transform, anchor + shift, rect.y + rect.height / 2);
    texts.push({
      ...owner,
      block: blocks.get(block),
      anid: block.anid ?? '',
      text,
      x,
      y,
      width,
      em: Number(/([\d.]+)px/.exec(font)[1]),
      degrees: transform ? (-Math.atan2(transform[1], transform[0]) * 180) / Math.PI : 0,
      color: echarts.color.parse(span.style.fill ?? '#000') ?? null,
    });
  }
  return texts;
}

function markOf({ shape }, type) {
  if (type === 'pie') {
    return { begin: shape.startAngle, end: shape.endAngle, inner: shape.r0, outer: shape.r };
  }
  return { x0: shape.x, y0: shape.y, x1: shape.x + shape.width, y1: shape.y + shape.height };
}

function marksOf(chart) {
  return chart._chartsViews.map(({ __model: model }) => {
    const data = model.getData();
    const marks = [];
    const points = data.getLayout('points');
    for (let at = 0; at < data.count(); at += 1) {
      const element = data.getItemGraphicEl(at);
      if (points) marks.push({ x: points[2 * at], y: points[2 * at + 1] });
      else marks.push(element ? markOf(element, model.subType) : null);
    }
    return { number: model.componentIndex, type: model.subType, marks };
  }).sort((one, other) => one.number - other.number);
}

function draw(request) {
  registerFonts(request.fonts);
  const { width, height } = request;
  canvas.width = width;
  canvas.height = height;
  const chart = echarts.init(canvas, null, { devicePixelRatio: 1, width, height });
  const zr = chart.getZr();
  const paint = zr.flush.bind(zr);
  // Layouts are made twice and painted once.
  zr.flush = () => {};
  try {
    const option = revive(request.option);
    const room = arrange(chart, option, request);
    chart.setOption(option, { notMerge: true });
    paint();
    const plot = plotOf(chart, room, request);
    const found = owners(chart);
    const report = { plot, texts: textsOf(chart, found), series: marksOf(chart) };
    // Nothing shines through: these are the colours themselves.
    return [report, canvas.data()];
  } finally {
    chart.dispose();
  }
}

function versions() {
  return {
    node: process.versions.node,
    echarts: echarts.version,
    zrender: load('zrender/package.json').version,
    canvas: load('@napi-rs/canvas/package.json').version,
  };
}

// What this process holds by itself. Mapped fonts do not count: the system takes them back at need.
function memoryBytes() {
  try {
    return Number(/RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))[1]) * 1024;
  } catch {
    return process.memoryUsage.rss();
  }
}

function answer(line) {
  const request = JSON.parse(line);
  let report;
  let pixels = Buffer.alloc(0);
  try {
    if (request.versions) report = { versions: versions() };
    else [report, pixels] = draw(request);
  } catch (error) {
    report = { error: String(error?.message ?? error) };
  }
  const head = JSON.stringify({ id: request.id, rss: memoryBytes(), bytes: pixels.length, ...report });
  process.stdout.write(`${head}\n`);
  if (pixels.length) process.stdout.write(pixels);
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) answer(line);
