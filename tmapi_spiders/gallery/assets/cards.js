// A product's card.

const priced = (card) => {
  if (card.price === null) return make("span", { class: "dim" }, "price not given");
  const currency = card.product.currency;
  const before = priceBefore(card);
  return make("span", {}, currency ? make("small", {}, `${currency} `) : null, ...before, shownPrice(card.price));
};

/** Sales as the API gave them, which may be "100000+" or a phrase. */
const soldOf = (product) => {
  const text = product.sale_quantity_90days_text ?? product.sale_quantity_90days;
  if (text === null) return "sales not given";
  const digits = /^(\d{1,15})(\+?)$/.exec(text);
  return digits
    ? `${number.format(digits[1])}${digits[2]} sold in 90 days`
    : make("span", {}, "Sales in 90 days: ", theirs(text));
};

const yes = (value) => (value === null ? NOT_GIVEN : value ? "yes" : "no");
const given = (value) => (value === null ? NOT_GIVEN : theirs(value));
const percent = (share) =>
  share === null ? NOT_GIVEN : `${number.format(Math.round(share * 1000) / 10)} %`;

const definition = (rows, name = "") =>
  make("dl", { class: name }, ...rows.flatMap(([term, value]) => [
    make("dt", {}, theirs(term)),
    make("dd", {}, value),
  ]));

const placesOf = (card, group) =>
  card.places.map(([query, rank]) => `${group.queries[query].label} #${rank}`).join(" · ");

const supplierOf = (product) => {
  const facts = [
    product.shop_years === null ? "years not given" : count(product.shop_years, "year"),
    product.composite_score === null ? null : `★ ${product.composite_score} of 5`,
    product.place === null ? null : theirs(product.place),
  ].filter((fact) => fact !== null);
  return make(
    "div",
    { class: "supplier" },
    product.company_name === null
      ? make("span", { class: "dim" }, "supplier not given")
      : theirs(product.company_name, "div"),
    make("div", { class: "dim" }, ...facts.flatMap((fact, i) => (i ? [" · ", fact] : [fact]))),
  );
};

const badgesOf = (product) => {
  const found = FLAGS.filter(([flag]) => product[flag] === true).map(([, label]) => label);
  if (product.low_refund_rate === true) found.push("Few refunds");
  if (product.is_ad === true) found.push("Ad");
  return found.length
    ? make("ul", { class: "badges", "aria-label": "Badges" }, ...found.map((it) => make("li", {}, it)))
    : null;
};

const titleOf = ({ product }) => product.title ?? `Product ${product.item_id}: title not given`;

const detailsOf = (card, group) => {
  const it = card.product;
  const rows = () => [
    ["Item id", String(it.item_id)],
    ["Chinese title", given(it.title_origin)],
    ["Price before", it.origin_price === null ? NOT_GIVEN : shownPrice(it.origin_price)],
    ["Minimum order", it.moq === null ? NOT_GIVEN : count(it.moq, "piece")],
    ["Bought again", percent(it.item_repurchase_rate)],
    ["Sent from", given(it.place)],
    ["Supplier’s score", it.composite_score === null ? NOT_GIVEN : `${it.composite_score} of 5`],
    ...FLAGS.map(([flag, label]) => [label, yes(it[flag])]),
    ["Few refunds", yes(it.low_refund_rate)],
    ["Paid placement", yes(it.is_ad)],
    ["Language", given(it.language)],
    [card.isOld ? "Was found by" : "Found by", placesOf(card, group)],
  ];
  const details = make("details", { class: "details" }, make("summary", {}, "All details", make("span", { class: "unseen" }, ` of ${titleOf(card)}`)));
  details.addEventListener(
    "toggle",
    () => details.open && details.children.length === 1 && details.append(definition(rows())),
  );
  return details;
};

const cardOf = (card, group) => {
  const it = card.product;
  const title = titleOf(card);
  return make(
    "li",
    { class: card.isOld ? "card old" : "card" },
    make(
      "article",
      {},
      make(
        "div",
        { class: "top" },
        make("div", { class: "picture" }, picture(it.picture, `Picture of ${title}`)),
        make("span", { class: "rank" }, make("span", { class: "unseen" }, "Best rank "), `${card.isOld ? "was " : ""}#${card.places[0][1]}`),
        make("h3", { dir: "auto" }, link(it.link, title)),
      ),
      make("p", { class: "price" }, priced(card)),
      marksOf(card, group),
      make("p", { class: "sold" }, soldOf(it)),
      supplierOf(it),
      badgesOf(it),
      make("p", { class: "places dim" }, card.isOld ? "before: " : "", placesOf(card, group)),
      make("p", { class: "print-only dim" }, `Item ${it.item_id}`),
      detailsOf(card, group),
    ),
  );
};
