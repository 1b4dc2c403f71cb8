// What changed about a product since the old job. A gallery of one job shows none of this.

const KINDS = {
  target_reached: ["Target reached", "good"],
  price_lower: ["Price lower", "good"],
  price_higher: ["Price higher", "bad"],
  price: ["Price", "calm"],
  currency: ["Other currency", "calm"],
  price_source: ["Price source", "calm"],
  gone: ["Gone", "bad"],
  new: ["New", "new"],
  supplier: ["Supplier", "calm"],
  moq: ["Minimum order", "calm"],
  sales: ["Sales", "calm"],
  into_view: ["Into view", "calm"],
  out_of_view: ["Out of view", "calm"],
  first_seen: ["First seen", "calm"],
  unknown: ["Not known", "warn"],
  rank: ["Rank", "calm"],
};

const SENTENCES = {
  gone: "its queries were read to their end without it",
  new: "was not found before",
  into_view: "was beyond the last page asked for",
  out_of_view: "is beyond the last page asked for, or gone",
  first_seen: "its queries were not made before, had failed or are in doubt",
  unknown: "its query was not made, failed or is provisional: it may still be there",
};

const kindName = (kind) => (KINDS[kind] || [kind])[0];
const moodOf = (kind) => (KINDS[kind] || ["", "calm"])[1];

const signed = (text) => (text.startsWith("-") ? `−${text.slice(1)}` : `+${text}`);
const signedPrice = (text) => `${text.startsWith("-") ? "−" : "+"}${shownPrice(text.replace("-", ""))}`;
const share = (value) => (value === null ? "" : ` (${signed(number.format(Math.round(value * 10) / 10))}\u00a0%)`);

const shownValue = (value) =>
  value === null ? NOT_GIVEN : typeof value === "number" ? number.format(value) : theirs(value);
const fromTo = (mark) => [shownValue(mark.before), " → ", shownValue(mark.after)];

/** The text of a change, after its name. */
const sentenceOf = (mark, group) => {
  switch (mark.kind) {
    case "price":
      return mark.after === null ? ["no longer given"]
        : mark.before === null ? ["newly given"] : [...fromTo(mark), ": not comparable"];
    case "price_lower":
    case "price_higher":
      return [`${signedPrice(mark.difference)}${share(mark.percent)}`];
    case "target_reached":
      return [`${shownPrice(mark.after)}, wanted ${shownPrice(mark.target)}`];
    case "price_source":
      return [...fromTo(mark), ": not comparable"];
    case "sales":
      return [...fromTo(mark), share(mark.percent)];
    case "supplier":
      return ["was ", shownValue(mark.before)];
    case "rank":
      return [`#${mark.before} → #${mark.after}`,
        group.queries.length > 1 && mark.query !== null ? ` ${group.queries[mark.query].label}` : ""];
    default:
      return mark.kind in SENTENCES ? [`${mark.here ? "for this seed: " : ""}${SENTENCES[mark.kind]}`] : fromTo(mark);
  }
};

const chip = (mood, ...children) => make("span", { class: `chip ${mood}` }, ...children);

/** What changed, the most important first. */
const marksOf = (card, group) =>
  card.marks.length
    ? make("ul", { class: "marks", "aria-label": "What changed" }, ...card.marks.map((mark) =>
        make("li", {}, chip(moodOf(mark.kind), kindName(mark.kind)), " ", make("span", {}, ...sentenceOf(mark, group)))))
    : null;

/** The old price, if it changed. */
const priceBefore = (card) => {
  const mark = card.marks.find(isOfPrice);
  return mark && mark.before !== null
    ? [make("span", { class: "unseen" }, "before: "), make("s", {}, shownPrice(mark.before)), make("span", { class: "arrow" }, " → ")]
    : [];
};

/** How many cards have a change of each kind, in the order of KINDS. */
const countKinds = (cards) => {
  const counts = new Map(Object.keys(KINDS).map((kind) => [kind, 0]));
  for (const card of cards) {
    for (const kind of card.kinds) counts.set(kind, (counts.get(kind) || 0) + 1);
  }
  return [...counts].filter(([, found]) => found);
};

const tally = (kind, found, title = null) =>
  make("li", { title }, chip(moodOf(kind), `${kindName(kind)} `, make("b", {}, number.format(found))));

/** A seed's changes, counted. */
const changesView = (group) =>
  group.cards.length
    ? make("ul", { class: "tally", "aria-label": "Changes" }, ...countKinds(group.cards).map(([kind, found]) => tally(kind, found)))
    : null;

/** The text of a seed without changes; "" if its queries say more. */
const unchangedOf = (only) =>
  ({ "Nothing found": "Nothing is found for this image.", "Not made": "The new job has no query for this image." })[only]
  || (only === "Complete" ? `No ${data.comparison.condition ? "such " : ""}changes.` : "");

/** The head of a comparison: which jobs, and how many changes of each kind. */
const drawComparison = () => {
  const { old, old_date: before, new: now, counts, condition } = data.comparison;
  const when = (date) => (date ? ` (${date.slice(0, 16).replace("T", " ")} UTC)` : "");
  document.body.classList.add("compares");
  at("title").textContent = `${data.job}: what changed`;
  at("jobs").hidden = false;
  at("jobs").append(
    ...(old === null
      ? [theirs(now, "b"), `${when(data.date)} is the first of its series, a baseline: there is nothing to compare it with yet.`]
      : [theirs(old, "b"), `${when(before)} → `, theirs(now, "b"), when(data.date)]));
  if (condition) at("jobs").append(make("span", { class: "dim" }, " · only changes that pass ", theirs(condition)));
  at("counts").hidden = !counts.length;
  const all = sumOf(counts.map(([, found]) => found));
  at("counts").append(make("li", {}, `${count(all, "change")}:`), ...counts.map(([kind, found, meaning]) => tally(kind, found, meaning)));
};

/** The filter by kind, and the sort orders for changes. */
const drawKinds = () => {
  const found = countKinds(groups.flatMap((group) => group.cards));
  at("kinds").hidden = !found.length;
  at("flags").hidden = true;
  at("toolbar").hidden = !groups.length;
  at("kinds").append(...found.map(([kind, cards]) =>
    make("label", {}, make("input", { type: "checkbox", id: `kind-${kind}`, value: kind, onchange: refilter }),
      kindName(kind), " ", make("span", { class: "dim" }, number.format(cards)))));
  at("sort").options[0].textContent = "most important";
  at("sort").options[0].after(...[
    ["change", "size of price change"],
    ["fall", "price fall, largest first"],
    ["rise", "price rise, largest first"],
    ["best", "best rank"],
  ].map(([value, text]) => make("option", { value }, text)));
};

const readKinds = () => [...document.querySelectorAll("#kinds input:checked")].map((input) => input.value);
