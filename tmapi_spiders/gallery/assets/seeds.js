// A seed next to its matches: its queries and their outcomes, its prices, its cards.

const REASONS = {
  last_page: "to the last page",
  max_pages: "as many pages as asked for",
  max_items: "as many items as asked for",
  no_new_items: "until a page had nothing new",
  empty_page: "until an empty page",
  error: "an error",
  auth: "the token was refused",
  balance: "the account’s balance was used up",
  base_url: "the API’s address was wrong",
  budget: "the budget was used up",
  deadline: "the deadline was reached",
  interrupted: "it was interrupted",
  storage: "there was no room for the files",
  settings: "the project’s settings were refused",
};

/** A query's outcome: a sign, a word, and a sentence. "Nothing found" is not "not searched". */
const outcomeOf = (query) => {
  const reason = REASONS[query.reason] || query.reason || "";
  const read = `${count(query.items ?? 0, "result")} on ${count(query.pages ?? 0, "page")}`;
  const code = query.code === null ? null : `code ${query.code}`;
  const error = [reason, code, query.message].filter(Boolean).join(": ");
  switch (query.status) {
    case "complete":
      return ["good", "✓", "Complete", `${read}, ${reason}`];
    case "empty":
      return ["calm", "○", "Nothing found", "the query has no match for this image"];
    case "partial":
      return ["bad", "!", "Incomplete", `${read}, then: ${error}`];
    case "failed":
      return ["bad", "✕", "Failed", `no page could be read: ${error}`];
    case "not_started":
      return ["bad", "–", "Not searched", error];
    case "not_made":
      return ["calm", "–", "Not made", "the new job has no such query"];
    default:
      return ["bad", "?", "Not known", "there is no outcome yet"];
  }
};

const queriesOf = (group) =>
  make("ul", { class: "queries", "aria-label": "Queries" }, ...group.queries.map((query) => {
    const [mood, sign, word, sentence] = outcomeOf(query);
    return make(
      "li",
      {},
      make("span", { class: `chip ${mood}` }, make("span", { "aria-hidden": "true" }, `${sign} `), word),
      " ",
      theirs(query.label, "b"),
      make("span", { class: "dim" }, ": ", theirs(sentence)),
      ...query.evidence.flatMap((words) => [" ", chip("warn", "But"), " ", make("span", { class: "dim" }, theirs(words))]),
    );
  }));

const emptyOf = (group) => {
  const words = [...new Set(group.queries.map((query) => outcomeOf(query)[2]))];
  const only = words.length === 1 ? words[0] : "";
  const text =
    (compares && unchangedOf(only)) ||
    { "Nothing found": "Nothing was found for this image.", Complete: "Nothing was found for this image.",
      Failed: "Every query for this image failed: what it would find is not known.",
      "Not searched": "This image was not searched." }[only] ||
    `No ${compares ? "changes are known" : "products"}. Its queries: ${words.join(", ").toLowerCase()}.`;
  return make("p", { class: "nothing" }, text);
};

const histogramOf = (prices, filter, onRange) => {
  const most = Math.max(...prices.bars.map((bar) => bar.count));
  const unit = prices.currency ? ` ${prices.currency}` : "";
  return make("div", { class: "histogram", role: "group", "aria-label": "Products by price; a bar filters" },
    make("div", { class: "bars" }, ...prices.bars.map((bar) => {
      const here = bar.here < bar.count ? `, ${number.format(bar.here)} of them in this file` : "";
      const text = `${money(bar.from)} to ${money(bar.to)}${unit}: ${count(bar.count, "product")}${here}`;
      const button = make("button", {
        type: "button",
        title: text,
        "aria-label": text,
        "aria-pressed": String(filter.least === bar.from && filter.most === bar.to),
        disabled: bar.here === 0,
        onclick: () => onRange(bar),
      }, make("span"));
      button.dataset.from = bar.from;
      button.dataset.to = bar.to;
      button.firstChild.style.height = `${bar.count ? Math.max(6, (100 * bar.count) / most) : 0}%`;
      return button;
    })),
    make("div", { class: "scale dim", "aria-hidden": "true" },
      ...prices.bars.map((bar, i) => make("span", {}, prices.bars.length < 10 || i % 2 === 0 ? money(bar.from) : ""))),
  );
};

const pricesView = (group, filter, onRange) => {
  if (!group.cards.length) return null;
  const prices = pricesOf(group);
  if (!prices) return make("p", { class: "dim" }, "Prices: not given, or in several currencies.");
  const unit = prices.currency ? `${prices.currency} ` : "";
  const missing = foundOf(group) - prices.count;
  return make("div", { class: "prices" },
    make("p", {},
      make("strong", {}, prices.least === prices.most
        ? `${unit}${exact(prices.least)}`
        : `${unit}${exact(prices.least)} – ${exact(prices.most)}`),
      make("span", { class: "dim" }, ` median ${exact(prices.median)}`,
        missing ? ` · ${number.format(missing)} without a price` : "",
        prices.bare ? ` · ${number.format(prices.bare)} without a currency` : "")),
    prices.bars.length > 1 ? histogramOf(prices, filter, onRange) : null);
};

/** A seed next to its matches. */
const groupOf = (group, cards, filter, onRange) => {
  const list = make("ul", { class: "cards" });
  const more = make("div", { class: "more" });
  const show = (upTo, moveFocus) => {
    const from = list.children.length;
    list.append(...cards.slice(from, upTo).map((card) => cardOf(card, group)));
    const left = cards.length - list.children.length;
    more.replaceChildren();
    if (left) {
      const next = Math.min(left, CARDS_AT_ONCE);
      const button = (text, to) =>
        make("button", { type: "button", class: "button", onclick: () => show(to, true) }, text,
          make("span", { class: "unseen" }, ` of ${group.name}`));
      more.append(button(`Show ${next} more`, list.children.length + next));
      if (left > next) more.append(button(`Show all ${number.format(cards.length)}`, cards.length));
    }
    if (moveFocus) {
      const card = list.children[from];
      const target = card.querySelector("a") || card.querySelector("summary");
      target.focus();
    }
  };
  show(CARDS_AT_ONCE, false);
  const cut = group.rest.length;
  const found = cards.length === group.cards.length
    ? countProducts(foundOf(group))
    : cut
      ? `${number.format(cards.length)} of the ${countProducts(group.cards.length)} in this file`
      : `${number.format(cards.length)} of ${countProducts(group.cards.length)}`;
  return make("section", { class: group.cards.length ? "group" : "group none", id: `seed-${group.place + 1}`, "aria-labelledby": `name-${group.place + 1}` },
    make("div", { class: "seed" },
      make("div", { class: "seed-picture" }, picture(group.picture, `Seed image ${group.name}`, "Address not known")),
      make("div", { class: "seed-text" },
        make("h2", { id: `name-${group.place + 1}`, tabindex: "-1", dir: "auto" }, group.name),
        group.file && make("p", { class: "file dim", dir: "auto" }, group.file),
        compares && !group.cards.length ? null : make("p", { class: "found" }, found),
        group.seed && make("p", { class: "url dim" }, link(group.link, theirs(group.seed))),
        group.data.length ? definition(group.data.map(([name, value]) => [name, theirs(value)]), "own") : null),
      make("div", { class: "seed-more" },
        compares ? changesView(group) : pricesView(group, filter, onRange),
        queriesOf(group))),
    make("div", { class: "matches" },
      cut ? make("p", { class: "cut" }, compares
        ? `The ${number.format(group.cards.length)} that changed most, of ${countProducts(foundOf(group))}, are in this file.`
        : `The best-ranked ${number.format(group.cards.length)} of ${number.format(foundOf(group))} products are in this file.`) : null,
      group.cards.length ? null : emptyOf(group),
      list,
      more));
};
