"use strict";
// Asks a gateway for evacuation sites and draws them over outlines that lie beside this page. Nothing of it is kept: no
// storage, no cookie, and a key leaves this page in the header of a request alone.

const TEXT = {
  ja: {
    title: "栃木県の避難場所", gateway: "ゲートウェイのアドレス", key: "APIキー（なくても可）", load: "読み込む",
    municipality: "市町", hazard: "災害の種類", all: "すべて", map: "地図", details: "詳細", list: "一覧", sources: "出典",
    help: "Tab で地図に入り、矢印キーで近くの避難場所へ移動、Enter で詳細を表示、＋と－で拡大・縮小します。",
    closer: "拡大", farther: "縮小", whole: "全体", none: "避難場所を選ぶと、ここに詳細を表示します。",
    address: "住所", hazards: "対象の災害", remarks: "備考", id: "ID", noPlace: "位置の情報がありません",
    sourceOfSites: "避難場所：国土地理院「指定緊急避難場所データ」（デモ用に一部を加工。最新とは限りません）",
    sourceOfOutlines: "市町の境界：国土交通省「国土数値情報（行政区域データ）」（令和3年）を加工して作成",
    notForUse: "デモです。災害時は、お住まいの市町が発表する情報に従ってください。",
    loading: "読み込んでいます…",
    shown: (shown, total) => `避難場所 ${total} 件のうち ${shown} 件を表示しています。`,
    partly: "一部の連携元システムのデータがありません。表示は完全ではありません。",
    110: (source) => `連携元システム ${source} のデータは古いものです。`,
    111: (source) => `連携元システム ${source} のデータの一部に誤りがあり、除いています。`,
    199: (source) => `連携元システム ${source} から応答がありません。その避難場所は表示されていません。`,
    299: (source) => `連携元システム ${source} で障害が起きています。`,
    outlines: "市町の境界を読み込めませんでした。",
    unreachable: (gateway, origin) =>
      `${gateway} に接続できません。起動しているか、またこのページ（${origin}）が許可されているかを確認してください。`,
    later: (seconds) => `混み合っています。${seconds} 秒後にもう一度お試しください。`,
    refused: (status) => `ゲートウェイがリクエストを拒否しました（${status}）。`,
  },
  en: {
    title: "Evacuation sites of Tochigi", gateway: "Address of the gateway", key: "API key (optional)", load: "Load",
    municipality: "Municipality", hazard: "Hazard", all: "All", map: "Map", details: "Details", list: "List", sources: "Sources",
    help: "Tab enters the map, arrow keys move to the nearest site, Enter shows its details, + and - zoom.",
    closer: "Zoom in", farther: "Zoom out", whole: "Whole", none: "Choose a site to see its details here.",
    address: "Address", hazards: "For", remarks: "Remarks", id: "ID", noPlace: "its place is not known",
    sourceOfSites: "Sites: Geospatial Information Authority of Japan (国土地理院), 指定緊急避難場所データ (partly changed for the demo; may not be current)",
    sourceOfOutlines: "Outlines: made from 国土交通省「国土数値情報（行政区域データ）」 of 2021, simplified",
    notForUse: "A demonstration. In a disaster follow what your municipality says.",
    loading: "Loading…",
    shown: (shown, total) => `Showing ${shown} of ${total} evacuation sites.`,
    partly: "The data of some sources is missing. What is shown is not complete.",
    110: (source) => `The data of the source ${source} is old.`,
    111: (source) => `Some of the source ${source} is not valid and left out.`,
    199: (source) => `The source ${source} does not answer. Its sites are not shown.`,
    299: (source) => `The source ${source} has a problem.`,
    outlines: "The outlines could not be read.",
    unreachable: (gateway, origin) =>
      `${gateway} cannot be reached. Is it running, and does it let pages of ${origin} ask?`,
    later: (seconds) => `There is too much to do. Try again in ${seconds} s.`,
    refused: (status) => `The gateway has refused the request (${status}).`,
  },
};

const HAZARDS = {
  typeOfDisasterFlood: ["洪水", "Flood"],
  typeOfDisasterLandslide: ["崖崩れ、土石流及び地滑り", "Landslide"],
  typeOfDisasterStormSurge: ["高潮", "Storm surge"],
  typeOfDisasterEarthquake: ["地震", "Earthquake"],
  typeOfDisasterTsunami: ["津波", "Tsunami"],
  typeOfDisasterFire: ["大規模な火事", "Large fire"],
  typeOfDisasterInlandFlood: ["内水氾濫", "Inland flood"],
  typeOfDisasterEruption: ["火山現象", "Volcano"],
};

// Pages of one answer; more than any prefecture has sites.
const MOST_PAGES = 50;
const PAGE = 100;

// The prefecture on a plane, where a degree of longitude is as long as it is in its middle.
const WEST = 139.31, NORTH = 37.17, SCALE = 1000, SHRINK = Math.cos((36.68 * Math.PI) / 180);
const WHOLE = { x: 0, y: 0, width: 800, height: 985 };
const CLOSEST = 20;
// How large names are, in points of the screen.
const NAME = 12;

const place = (name) => document.getElementById(name);
const point = ([longitude, latitude]) => [(longitude - WEST) * SHRINK * SCALE, (NORTH - latitude) * SCALE];

let language = "ja";
let outlines = [], hasOutlines = true, sites = [], total = 0, warnings = [], trouble = null;
let chosen = null, entered = null, box = { ...WHOLE }, asked = 0;

const text = (name, ...about) => {
  const found = TEXT[language][name];
  return typeof found === "function" ? found(...about) : found;
};

function element(name, attributes = {}, ...children) {
  const isSvg = ["path", "circle", "text"].includes(name);
  const made = isSvg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// ---- asking ----

function nextPage(response) {
  const link = response.headers.get("Link") ?? "";
  const target = /<([^>]*)>[^<]*;\s*rel="next"/.exec(link);
  const next = target && new URL(target[1], response.url);
  return next && next.origin === new URL(response.url).origin ? next.href : null;
}

function warningsOf(response) {
  const header = response.headers.get("NGSILD-Warning") ?? "";
  return [...header.matchAll(/(\d{3}) (\S+) "([^"]*)"/g)].map(([, code, source, detail]) => ({ code, source, detail }));
}

async function ask(gateway, key) {
  const headers = { Accept: "application/geo+json" };
  if (key) headers["x-api-key"] = key;
  const query = `type=EvacuationSite&limit=${PAGE}&count=true&options=keyValues`;
  let next = `${gateway}/ngsi-ld/v1/entities?${query}`;
  const found = { features: [], warnings: [], total: 0 };
  for (let page = 0; next && page < MOST_PAGES; page += 1) {
    const response = await fetch(next, { headers, credentials: "omit", cache: "no-store" });
    if (!response.ok) {
      const seconds = response.headers.get("Retry-After");
      throw { told: seconds ? ["later", seconds] : ["refused", response.status] };
    }
    const body = await response.json();
    found.features.push(...body.features);
    found.warnings.push(...warningsOf(response));
    found.total = Number(response.headers.get("NGSILD-Results-Count") ?? found.features.length);
    next = nextPage(response);
  }
  return found;
}

function siteOf(feature) {
  const { name, fullAddress, localGovernmentCode, remarks, ...others } = feature.properties ?? {};
  const code = String(localGovernmentCode ?? "").slice(0, 5);
  return {
    id: feature.id, name: String(name ?? feature.id), address: fullAddress, remarks, code,
    hazards: Object.keys(HAZARDS).filter((hazard) => others[hazard] === true),
    at: feature.geometry?.type === "Point" ? point(feature.geometry.coordinates) : null,
  };
}

async function load() {
  const number = (asked += 1);
  const gateway = place("gateway").value.trim().replace(/\/+$/, "");
  place("main").setAttribute("aria-busy", "true");
  place("status").textContent = text("loading");
  trouble = null;
  try {
    const found = await ask(gateway, place("key").value.trim());
    if (number !== asked) return;
    sites = found.features.map(siteOf);
    sites.sort((one, other) => one.code.localeCompare(other.code) || one.name.localeCompare(other.name, "ja"));
    ({ total, warnings } = found);
  } catch (error) {
    if (number !== asked) return;
    [sites, total, warnings] = [[], 0, []];
    trouble = error.told ?? ["unreachable", gateway, location.origin];
  }
  chosen = entered = null;
  render();
  place("main").setAttribute("aria-busy", "false");
}

// ---- showing ----

const shownSites = () => {
  const [municipality, hazard] = [place("municipality").value, place("hazard").value];
  return sites.filter(
    (site) => (!municipality || site.code === municipality) && (!hazard || site.hazards.includes(hazard)),
  );
};

const nameOf = (outline) => (language === "ja" ? outline.name : outline.nameEn);
const municipalityOf = (site) => {
  const outline = outlines.find((outline) => outline.code === site.code);
  return outline ? nameOf(outline) : "";
};
const hazardName = (hazard) => HAZARDS[hazard][language === "ja" ? 0 : 1];

function renderOptions(select, options) {
  const before = select.value;
  select.replaceChildren(
    element("option", { value: "" }, text("all")),
    ...options.map(([value, name]) => element("option", { value }, name)),
  );
  select.value = options.some(([value]) => value === before) ? before : "";
}

function renderTexts() {
  document.documentElement.lang = language;
  document.title = `${text("title")} – Kakehashi`;
  for (const said of document.querySelectorAll("[data-text]")) said.textContent = text(said.dataset.text);
  for (const said of document.querySelectorAll("[data-label]")) said.setAttribute("aria-label", text(said.dataset.label));
  const other = place("language");
  [other.textContent, other.lang] = language === "ja" ? ["English", "en"] : ["日本語", "ja"];
}

function renderSources(shown) {
  const told = [];
  if (trouble) told.push(element("p", {}, text(...trouble)));
  if (!hasOutlines) told.push(element("p", {}, text("outlines")));
  if (warnings.length > 0) told.push(element("p", {}, element("strong", {}, text("partly"))));
  const said = new Set();
  for (const { code, source, detail } of warnings) {
    if (said.size === said.add(`${code} ${source} ${detail}`).size) continue;
    const meaning = text(TEXT[language][code] ? code : 299, source);
    told.push(element("p", {}, meaning, " ", element("small", { lang: "en" }, `(${detail})`)));
  }
  place("warnings").replaceChildren(...told);
  place("status").textContent = trouble ? "" : text("shown", shown.length, total);
}

function renderList(shown) {
  const items = shown.map((site) => {
    const button = element("button", { type: "button", "data-id": site.id }, site.name, " ");
    const where = [municipalityOf(site), site.at ? "" : text("noPlace")].filter(Boolean).join("、");
    button.append(element("small", {}, where));
    if (site === chosen) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => choose(site));
    return element("li", {}, button);
  });
  place("list").replaceChildren(...items);
}

function renderSites(shown) {
  const drawn = shown.filter((site) => site.at);
  if (!drawn.includes(entered)) entered = drawn.includes(chosen) ? chosen : drawn[0];
  const circles = drawn.map((site) => {
    const [cx, cy] = site.at;
    const label = [site.name, municipalityOf(site), site.address].filter(Boolean).join("、");
    const circle = element("circle", {
      cx, cy, role: "button", "aria-label": label, "data-id": site.id,
      "aria-pressed": site === chosen, tabindex: site === entered ? 0 : -1,
    });
    circle.addEventListener("click", () => choose(site));
    return circle;
  });
  place("sites").replaceChildren(...circles);
}

function renderDetails() {
  if (!chosen) {
    place("chosen").replaceChildren(element("p", {}, text("none")));
    return;
  }
  const rows = [
    ["municipality", municipalityOf(chosen)], ["address", chosen.address],
    ["hazards", chosen.hazards.map(hazardName).join("、")], ["remarks", chosen.remarks], ["id", chosen.id],
  ];
  const told = rows.filter(([, value]) => value).flatMap(([name, value]) => [
    element("dt", {}, text(name)), element("dd", {}, String(value)),
  ]);
  const name = element("h3", { lang: "ja" }, chosen.name);
  place("chosen").replaceChildren(name, element("dl", {}, ...told));
}

function renderOutlines() {
  const path = (outline) => outline.rings.map((ring) => `M${ring.map((at) => at.join(" ")).join("L")}Z`).join("");
  place("outlines").replaceChildren(...outlines.map((outline) => element("path", { d: path(outline) })));
  const named = outlines.map((outline) => {
    const [x, y] = [outline.box.x + outline.box.width / 2, outline.box.y + outline.box.height / 2];
    return element("text", { x, y }, nameOf(outline));
  });
  place("names").replaceChildren(...named);
}

// Sites and names keep their size on the screen, however close one looks.
function markAt(mark, site, radius) {
  mark.setAttribute("r", site?.at ? radius : 0);
  if (!site?.at) return;
  mark.setAttribute("cx", site.at[0]);
  mark.setAttribute("cy", site.at[1]);
}

function renderBox() {
  const map = place("map");
  map.setAttribute("viewBox", `${box.x} ${box.y} ${box.width} ${box.height}`);
  const pixels = Math.min(map.clientWidth / box.width, map.clientHeight / box.height) || 1;
  const radius = (box.width < WHOLE.width / 2 ? 9 : 6) / pixels;
  for (const circle of place("sites").children) circle.setAttribute("r", radius);
  markAt(place("mark"), chosen, radius * 1.25);
  markAt(place("ring"), entered, radius * 1.75);
  // A name that is wider than its municipality would hide its neighbours'.
  [...place("names").children].forEach((name, number) => {
    const wide = name.textContent.length * (language === "ja" ? NAME : NAME * 0.6);
    name.setAttribute("font-size", NAME / pixels);
    name.setAttribute("visibility", wide < outlines[number].box.width * pixels ? "visible" : "hidden");
  });
}

function render() {
  renderTexts();
  const codes = new Set(sites.map((site) => site.code));
  const municipalities = outlines.filter((outline) => codes.has(outline.code));
  renderOptions(place("municipality"), municipalities.map((outline) => [outline.code, nameOf(outline)]));
  const hazards = Object.keys(HAZARDS).filter((hazard) => sites.some((site) => site.hazards.includes(hazard)));
  renderOptions(place("hazard"), hazards.map((hazard) => [hazard, hazardName(hazard)]));
  renderOutlines();
  renderFiltered();
}

function renderFiltered() {
  const shown = shownSites();
  if (chosen && !shown.includes(chosen)) chosen = null;
  renderSources(shown);
  renderList(shown);
  renderSites(shown);
  renderDetails();
  renderBox();
}

// ---- moving about ----

const circleOf = (site) => [...place("sites").children].find((circle) => circle.dataset.id === site.id);

function choose(site) {
  chosen = site;
  if (site.at) enter(site);
  for (const circle of place("sites").children) circle.setAttribute("aria-pressed", circle.dataset.id === site.id);
  for (const button of place("list").querySelectorAll("button")) {
    if (button.dataset.id === site.id) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
  renderBox();
  renderDetails();
}

// The one site that Tab leads to.
function enter(site) {
  entered = site;
  for (const circle of place("sites").children) circle.setAttribute("tabindex", circle.dataset.id === site.id ? 0 : -1);
  const [x, y] = site.at;
  const isSeen = x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height;
  look(isSeen ? box : { ...box, x: x - box.width / 2, y: y - box.height / 2 });
}

function look(at) {
  box = at;
  renderBox();
}

function zoom(factor) {
  const width = Math.min(WHOLE.width, Math.max(CLOSEST, box.width / factor));
  if (width === WHOLE.width) return look({ ...WHOLE });
  const height = (width * box.height) / box.width;
  const middle = (chosen ?? entered)?.at ?? [box.x + box.width / 2, box.y + box.height / 2];
  return look({ x: middle[0] - width / 2, y: middle[1] - height / 2, width, height });
}

function lookAtMunicipality() {
  const outline = outlines.find((outline) => outline.code === place("municipality").value);
  if (!outline) return look({ ...WHOLE });
  const { x, y, width, height } = outline.box;
  return look({ x: x - width * 0.05, y: y - height * 0.05, width: width * 1.1, height: height * 1.1 });
}

const DIRECTIONS = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };

// The nearest one that lies rather there than elsewhere; what stands at the same place comes in the order of the list.
function neighbour(site, [dx, dy]) {
  const drawn = shownSites().filter((other) => other.at);
  const forward = dx + dy > 0;
  const same = drawn.filter((other) => other.at[0] === site.at[0] && other.at[1] === site.at[1]);
  const further = same[same.indexOf(site) + (forward ? 1 : -1)];
  if (further) return further;
  let best = null, least = Infinity;
  for (const other of drawn) {
    const [x, y] = [other.at[0] - site.at[0], other.at[1] - site.at[1]];
    const along = x * dx + y * dy, aside = Math.abs(x * dy) + Math.abs(y * dx);
    const far = along + 2 * aside;
    if (along > 0 && aside <= along * 2 && far < least) [best, least] = [other, far];
  }
  return best;
}

function onKey(event) {
  const site = entered;
  if (!site || event.ctrlKey || event.metaKey || event.altKey) return;
  const drawn = shownSites().filter((other) => other.at);
  const moves = { Home: () => drawn[0], End: () => drawn.at(-1) };
  for (const [key, direction] of Object.entries(DIRECTIONS)) moves[key] = () => neighbour(site, direction);
  const acts = { Enter: () => choose(site), " ": () => choose(site), "+": () => zoom(2), "-": () => zoom(0.5) };
  if (moves[event.key]) {
    const next = moves[event.key]();
    if (next) {
      enter(next);
      circleOf(next).focus();
    }
  } else if (acts[event.key]) acts[event.key]();
  else return;
  event.preventDefault();
}

// ---- beginning ----

function outlineOf({ properties, geometry }) {
  const rings = geometry.coordinates.flat().map((ring) => ring.map(point));
  const [xs, ys] = [0, 1].map((axis) => rings.flat().map((at) => at[axis]));
  const [x, y] = [Math.min(...xs), Math.min(...ys)];
  return { ...properties, rings, box: { x, y, width: Math.max(...xs) - x, height: Math.max(...ys) - y } };
}

async function begin() {
  if (!["http:", "https:"].includes(location.protocol)) return;
  place("not-served").remove();
  const said = new URLSearchParams(location.hash.slice(1));
  if (said.get("gateway")) place("gateway").value = said.get("gateway");
  if (said.get("lang") === "en") language = "en";
  place("language").addEventListener("click", () => {
    language = language === "ja" ? "en" : "ja";
    render();
  });
  place("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    load();
  });
  place("hazard").addEventListener("change", renderFiltered);
  place("municipality").addEventListener("change", () => {
    renderFiltered();
    lookAtMunicipality();
  });
  place("sites").addEventListener("keydown", onKey);
  place("closer").addEventListener("click", () => zoom(2));
  place("farther").addEventListener("click", () => zoom(0.5));
  place("whole").addEventListener("click", () => look({ ...WHOLE }));
  addEventListener("resize", renderBox);
  try {
    const response = await fetch("outlines.geojson");
    outlines = (await response.json()).features.map(outlineOf);
  } catch {
    hasOutlines = false;
  }
  render();
  await load();
}

begin();
