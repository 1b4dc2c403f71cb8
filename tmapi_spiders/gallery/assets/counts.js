// The texts about the job, about what passes the filters, and about what is printed.

/** What is wrong with the typed prices; "" if nothing. */
const priceProblem = () => {
  const wrong = ["price-least", "price-most"].find((id) => isNoPrice(at(id).value.trim()));
  const { least, most } = state.filter;
  return wrong
    ? `“${at(wrong).value.trim()}” is not a price; write it like 1234.50.`
    : least !== null && most !== null && least > most
      ? "The lowest price is above the highest."
      : "";
};

const unchangedAtAll = () =>
  data.comparison.old === null
    ? "A baseline: nothing to compare yet."
    : `Nothing ${data.comparison.condition ? "that passes " + data.comparison.condition + " " : ""}changed, for ${count(groups.length, "seed")}.`;

const drawCount = (shown) => {
  const passed = sumOf(state.cards.map((cards) => cards.length));
  const all = total < totalFound ? `the ${countMatches(total)} in this file` : countMatches(total);
  const sought = shown.filter((group) => !group.cards.length).length;
  const without = `${count(sought, "seed")} ${WITHOUT}`;
  const text = compares && !total ? unchangedAtAll() : !isFiltered()
    ? total < totalFound
      ? `${number.format(total)} of ${countMatches(totalFound)} are in this file, for ${count(groups.length, "seed")}`
      : `${all} for ${count(groups.length, "seed")}`
    : passed
      ? `${number.format(passed)} of ${all}, in ${number.format(shown.length - sought)} of ${count(groups.length, "seed")}${sought ? `, and ${without}` : ""}`
      : sought
        ? `None of ${all}, but ${without}`
        : `None of ${all} passes these filters.`;
  at("count").textContent = [priceProblem(), text].filter(Boolean).join(" ");
  for (const id of ["price-least", "price-most"]) at(id).setAttribute("aria-invalid", String(priceProblem() !== ""));
};

/** Paper has no buttons, so a line says what part of the matches is printed. */
const drawPrinted = (shown) => {
  const first = state.page * SEEDS_A_PAGE;
  const here = shown.slice(first, first + SEEDS_A_PAGE);
  const cards = document.querySelectorAll("#results .card").length;
  const all = sumOf(shown.map((group) => state.cards[group.place].length));
  const seeds = here.length < shown.length
    ? `seeds ${number.format(first + 1)} to ${number.format(first + here.length)} of ${number.format(shown.length)}`
    : count(here.length, "seed");
  at("printed").textContent = cards < all || here.length < shown.length
    ? `Printed here: ${seeds}, with ${number.format(cards)} of ${countMatches(all)}.`
    : "";
};

const drawHead = () => {
  const here = new Set(products.map((it) => it.item_id)).size;
  const when = data.date.slice(0, 16).replace("T", " ");
  at("title").textContent = data.job;
  at("facts").textContent = [
    count(groups.length, "seed"), countProducts(data.found),
    here < data.found && `${number.format(here)} of them in this file`,
    !compares && when && `${when} UTC`, data.source && `source: ${data.source}`,
  ].filter(Boolean).join(" · ");
  at("warnings").hidden = !data.warnings.length;
  at("warnings").append(...data.warnings.map((text) => make("li", {}, theirs(text))));
  document.body.classList.toggle("bare", !pictures.length);
  at("about").textContent = data.about;
  if (compares) drawComparison();
  at("flags").append(...FLAGS.map(([flag, label]) =>
    make("label", {}, make("input", { type: "checkbox", id: `flag-${flag}`, onchange: refilter }), label)));
};

/** What a reader might miss because it comes last: seeds without products, and queries that went wrong. */
const drawWithout = () => {
  const without = groups.filter((group) => !group.cards.length);
  const queries = groups.flatMap((group) => group.queries);
  const wrong = queries.filter((query) => outcomeOf(query)[0] === "bad").length;
  const said = [];
  if (without.length) {
    said.push(make("a", { href: `#to-seed-${without[0].place + 1}`, onclick: () => jump(without[0]) },
      `${count(without.length, "seed")} ${WITHOUT}`));
  }
  if (wrong) said.push(`${number.format(wrong)} of ${count(queries.length, "query", "queries")} failed or incomplete`);
  const doubtful = queries.filter((query) => query.evidence.length).length;
  if (doubtful) said.push(`${number.format(doubtful)} of ${count(queries.length, "query", "queries")} ended in doubt`);
  at("without").hidden = !said.length;
  at("without").append(...said.flatMap((it, i) => (i ? [" · ", it] : [it])));
};
