// The data to show, and which of it passes the filters. Nothing here touches the page.

const CARDS_AT_ONCE = 24;
const SEEDS_A_PAGE = 8;
const NOT_GIVEN = "not given";

const data = JSON.parse(document.getElementById("gallery-data").textContent);
const pictures = JSON.parse(document.getElementById("gallery-pictures").textContent);

const FLAGS = [
  ["free_shipping", "Free shipping"],
  ["ship_in_48h", "Ships in 48 h"],
  ["one_piece_min_order", "One piece"],
  ["is_super_factory", "Super factory"],
  ["is_powerful_seller", "Powerful seller"],
];

const number = new Intl.NumberFormat("en");
const count = (n, noun, many) => `${number.format(n)} ${n === 1 ? noun : many || noun + "s"}`;

/** A decimal string as whole cents, so that bounds are exact; null if there is no price. */
const cents = (text) => {
  const value = text === null || text === "" ? NaN : Number(text);
  return Number.isFinite(value) ? Math.round(value * 100) : null;
};

const exact = (inCents) => (inCents / 100).toFixed(2);

/** A price as given, with at least two decimals. */
const shownPrice = (text) => {
  const found = /^(\d+)\.?(\d*)$/.exec(text);
  return found ? `${found[1]}.${found[2].padEnd(2, "0")}` : text;
};

/** A typed price ("1.5" or "1,5") in cents. Null if it is not one: "1,234" is ambiguous. */
const typedPrice = (text) =>
  /^(\d+\.?\d*|\.\d+|\d*,\d{0,2})$/.test(text) ? cents(text.replace(",", ".")) : null;

/** Cents as a price, short, for the bounds of a range. */
const money = (inCents) => (inCents / 100).toFixed(inCents % 100 ? 2 : 0);

/** A comparison shows what changed; a gallery of one job shows all that was found. */
const compares = data.comparison !== null;
const WITHOUT = compares ? "without changes" : "without products";
const countProducts = (n) => count(n, compares ? "changed product" : "product");
const countMatches = (n) => (compares ? countProducts(n) : count(n, "match", "matches"));

const products = data.products.map((values) =>
  Object.fromEntries(data.columns.map((name, i) => [name, values[i]])),
);

/** A seed's name: the user's id, else the first of the user's own columns with the image's file name. */
const namesOf = (seed, place) => {
  if (!/^[0-9a-f]{20}$/.test(seed.id)) return { name: seed.id, file: "" };
  const file = seed.seed.split(/[?#]/)[0].split("/").filter(Boolean).pop() || `Seed ${place + 1}`;
  const own = seed.data.length ? seed.data[0][1].trim() : "";
  return own ? { name: own, file } : { name: file, file: "" };
};

const withKinds = (card) => ({ ...card, kinds: [...new Set(card.marks.map((mark) => mark.kind))] });

const groups = data.groups.map((seed, place) => ({
  ...seed,
  place,
  ...namesOf(seed, place),
  words: [seed.id, seed.seed, ...seed.data.flat()].join("\n").toLowerCase(),
  cards: seed.cards.map(([product, price, places, marks = [], isOld = false]) => withKinds({
    isOld,
    marks: marks.map((values) => Object.fromEntries(data.marks.map((name, i) => [name, values[i]]))),
    product: products[product],
    price,
    cents: cents(price),
    places,
    words: null,
  })),
  rest: seed.rest.flatMap(([currency, prices]) => prices.map((price) => ({ currency, cents: cents(price) }))),
}));

/** How many products were found, including those left out of the file. */
const foundOf = (group) => group.cards.length + group.rest.length;

const sumOf = (values) => values.reduce((sum, value) => sum + value, 0);
const total = sumOf(groups.map((group) => group.cards.length));
const totalFound = sumOf(groups.map(foundOf));

const wordsOf = (card) => {
  if (card.words === null) {
    const it = card.product;
    card.words = [it.title, it.title_origin, it.company_name, it.place, it.item_id]
      .join("\n")
      .toLowerCase();
  }
  return card.words;
};

const noFilter = () => ({ words: [], least: null, most: null, sales: null, flags: [], kinds: [] });

/** Whether the filter has only words. */
const isWordsOnly = (filter) =>
  filter.words.length > 0 && JSON.stringify({ ...filter, words: [] }) === JSON.stringify(noFilter());

/** Whether the typed words match a seed without products. */
const isSought = (group, filter) =>
  !group.cards.length && isWordsOnly(filter) && filter.words.every((word) => group.words.includes(word));

/** Whether a card passes; a value that was not given never passes a filter for it. */
const passes = (card, group, filter) => {
  if (filter.least !== null && !(card.cents !== null && card.cents >= filter.least)) return false;
  if (filter.most !== null && !(card.cents !== null && card.cents <= filter.most)) return false;
  const sold = card.product.sale_quantity_90days;
  if (filter.sales !== null && !(sold !== null && sold >= filter.sales)) return false;
  if (!filter.flags.every((flag) => card.product[flag] === true)) return false;
  if (filter.kinds.length && !filter.kinds.some((kind) => card.kinds.includes(kind))) return false;
  return filter.words.every((word) => group.words.includes(word) || wordsOf(card).includes(word));
};

const isOfPrice = ({ kind }) => kind === "price" || kind === "price_lower" || kind === "price_higher";

/** The change of the price in per cent; null if it is unchanged or unknown, or *holds* is false. */
const changeOf = (card, holds) => {
  const { percent } = card.marks.find(isOfPrice) || { percent: null };
  return percent !== null && holds(percent) ? percent : null;
};

const sizeOf = (card) => {
  const change = changeOf(card, () => true);
  return change === null ? null : Math.abs(change);
};

const SORTS = {
  change: [sizeOf, -1],
  fall: [(card) => changeOf(card, (percent) => percent < 0), 1],
  rise: [(card) => changeOf(card, (percent) => percent > 0), -1],
  best: [(card) => (card.isOld ? null : card.places[0][1]), 1],
  price_up: [(card) => card.cents, 1],
  price_down: [(card) => card.cents, -1],
  sales: [(card) => card.product.sale_quantity_90days, -1],
  years: [(card) => card.product.shop_years, -1],
  score: [(card) => card.product.composite_score, -1],
};

/** The cards in the given order; those without the value come last. */
const sorted = (cards, sort) => {
  if (!(sort in SORTS)) return cards;
  const [value, sign] = SORTS[sort];
  return cards.slice().sort((one, other) => {
    const [a, b] = [value(one), value(other)];
    if (a === null || b === null) return (a === null) - (b === null);
    return sign * (a - b);
  });
};

const select = (filter, sort) =>
  groups.map((group) => sorted(group.cards.filter((card) => passes(card, group, filter)), sort));

const median = (values) => {
  const middle = values.length >> 1;
  return values.length % 2 ? values[middle] : Math.round((values[middle - 1] + values[middle]) / 2);
};

/** The bounds of a histogram's bars, in cents: round numbers, closer together at low prices if the
    prices span more than one order of magnitude. */
const bounds = (least, most) => {
  const found = [];
  if (least > 0 && most / least > 20) {
    for (let power = Math.floor(Math.log10(least)); found.length < 40; power += 1) {
      for (const step of [1, 2, 5]) found.push(Math.round(step * 10 ** power));
      if (found[found.length - 1] > most) break;
    }
  } else {
    const raw = Math.max(1, (most - least) / 7);
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = Math.max(1, [1, 2, 5, 10].find((it) => it * power >= raw) * power);
    const first = Math.floor(least / step) * step;
    for (let bound = first; bound <= most + step; bound += step) found.push(Math.round(bound));
  }
  const from = found.filter((bound) => bound <= least).length - 1;
  const to = found.findIndex((bound) => bound > most);
  return found.slice(Math.max(0, from), to + 1);
};

/** Statistics of the prices of everything a group found; null if none is given or currencies differ.
    Prices without a currency are included and counted. A bar also counts the products in this file,
    since a filter passes no others. */
const pricesOf = (group) => {
  const here = group.cards.map((card) => ({ currency: card.product.currency, cents: card.cents, isHere: true }));
  const priced = [...here, ...group.rest].filter((it) => it.cents !== null);
  const currencies = new Set(priced.map((it) => it.currency).filter(Boolean));
  if (!priced.length || currencies.size > 1) return null;
  const values = priced.map((it) => it.cents).sort((a, b) => a - b);
  const [least, most] = [values[0], values[values.length - 1]];
  const edges = bounds(least, most);
  const bars = edges.slice(0, -1).map((from, i) => ({ from, to: edges[i + 1] - 1, count: 0, here: 0 }));
  for (const it of priced) {
    const bar = bars.find(({ to }) => it.cents <= to);
    bar.count += 1;
    if (it.isHere) bar.here += 1;
  }
  const currency = [...currencies][0] ?? null;
  const bare = currency === null ? 0 : priced.filter((it) => !it.currency).length;
  return { least, most, median: median(values), bars, count: values.length, currency, bare };
};
