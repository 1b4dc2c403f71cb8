// What the user does, and what is shown of it.

const at = (id) => document.getElementById(id);

const state = { filter: noFilter(), sort: "rank", page: 0, cards: groups.map((it) => it.cards) };
const JUMPS_AT_ONCE = 100;

const isFiltered = () =>
  JSON.stringify(state.filter) !== JSON.stringify(noFilter());

/** The seeds that are shown: all of them, or while something is filtered those with a match. */
const shownGroups = () =>
  isFiltered() ? groups.filter((group) => state.cards[group.place].length) : groups;

const readNumber = (id, scale) => {
  const text = at(id).value.trim();
  return text === "" || !Number.isFinite(Number(text)) ? null : Math.round(Number(text) * scale);
};

const readFilter = () => ({
  words: at("text").value.toLowerCase().split(/\s+/).filter(Boolean),
  least: readNumber("price-least", 100),
  most: readNumber("price-most", 100),
  sales: readNumber("sales-least", 1),
  flags: FLAGS.map(([flag]) => flag).filter((flag) => at(`flag-${flag}`).checked),
});

const refilter = () => {
  state.filter = readFilter();
  state.sort = at("sort").value;
  state.cards = select(state.filter, state.sort);
  state.page = 0;
  draw();
};

/** A histogram's bar: its range, or none if it is the range already. The bar keeps the focus. */
const filterRange = (bar) => {
  const isOn = state.filter.least === bar.from && state.filter.most === bar.to;
  const place = document.activeElement.closest(".group")?.id;
  at("price-least").value = isOn ? "" : money(bar.from);
  at("price-most").value = isOn ? "" : money(bar.to);
  refilter();
  const group = place && at(place);
  group?.querySelector(`[data-from="${bar.from}"][data-to="${bar.to}"]`)?.focus();
  group?.scrollIntoView({ block: "start" });
};

const draw = () => {
  const shown = shownGroups();
  const pages = Math.max(1, Math.ceil(shown.length / SEEDS_A_PAGE));
  const here = shown.slice(state.page * SEEDS_A_PAGE, (state.page + 1) * SEEDS_A_PAGE);
  at("results").replaceChildren(
    ...here.map((group) => groupOf(group, state.cards[group.place], state.filter, filterRange)));
  drawCount(shown);
  drawPager(shown, pages);
  drawJumps();
  const used = state.filter.flags.length +
    ["least", "most", "sales"].filter((name) => state.filter[name] !== null).length;
  at("more-filters").textContent = used ? `Filters (${used})` : "Filters";
};

const drawCount = (shown) => {
  const passed = state.cards.reduce((sum, cards) => sum + cards.length, 0);
  at("count").textContent = !isFiltered()
    ? `${count(total, "match", "matches")} for ${count(groups.length, "seed")}`
    : passed
      ? `${number.format(passed)} of ${count(total, "match", "matches")}, in ${number.format(shown.length)} of ${count(groups.length, "seed")}`
      : `None of ${count(total, "match", "matches")} passes these filters.`;
};

const drawPager = (shown, pages) => {
  const first = state.page * SEEDS_A_PAGE + 1;
  const last = Math.min(shown.length, first + SEEDS_A_PAGE - 1);
  const button = (text, to) =>
    make("button", { type: "button", class: "button", disabled: to < 0 || to >= pages, onclick: () => turn(to) }, text);
  at("pager").hidden = pages < 2;
  at("pager").replaceChildren(
    button("← Earlier seeds", state.page - 1),
    make("span", {}, `Seeds ${number.format(first)}–${number.format(last)} of ${number.format(shown.length)}`),
    button("Later seeds →", state.page + 1));
};

const turn = (page) => {
  state.page = page;
  draw();
  at("results").focus({ preventScroll: true });
  at("count").scrollIntoView({ block: "start" });
};

const drawJumps = () => {
  const wanted = at("jump-text").value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = shownGroups().filter((group) => wanted.every((word) => group.words.includes(word)));
  at("jump-list").replaceChildren(...found.slice(0, JUMPS_AT_ONCE).map((group) =>
    make("li", {}, make("a", { href: `#to-seed-${group.place + 1}`, onclick: () => jump(group) },
      make("span", { class: "jump-picture", "aria-hidden": "true" },
        group.picture !== null && group.picture >= 0 ? make("img", { src: pictures[group.picture], alt: "", loading: "lazy" }) : null),
      theirs(group.name),
      make("span", { class: "dim" }, number.format(state.cards[group.place].length))))));
  const more = found.length - JUMPS_AT_ONCE;
  at("jump-more").textContent = more > 0 ? `And ${number.format(more)} more: search for them.` : found.length ? "" : "No such seed.";
};

const jump = (group) => {
  const place = shownGroups().indexOf(group);
  if (place < 0) return;
  const page = Math.floor(place / SEEDS_A_PAGE);
  if (page !== state.page) {
    state.page = page;
    draw();
  }
  toggle("jump-open", "jump", false);
  at(`name-${group.place + 1}`).focus({ preventScroll: true });
  at(`seed-${group.place + 1}`).scrollIntoView({ block: "start" });
};

/** "#to-seed-7", as the list of seeds has it; no element's id, so that the browser itself does nothing. */
const jumpToAddress = () => {
  const place = /^#to-seed-(\d+)$/.exec(location.hash);
  if (place && groups[place[1] - 1]) jump(groups[place[1] - 1]);
};

const toggle = (button, panel, open) => {
  at(button).setAttribute("aria-expanded", String(open));
  at(panel).classList.toggle("open", open);
  if (panel === "jump") at(panel).hidden = !open;
};

const isOpen = (button) => at(button).getAttribute("aria-expanded") === "true";

const later = (act) => {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, 150);
  };
};

const drawHead = () => {
  const different = new Set(products.map((it) => it.item_id)).size;
  const when = data.date.slice(0, 16).replace("T", " ");
  at("title").textContent = data.job;
  at("facts").textContent = [
    count(groups.length, "seed"), count(different, "product"),
    when && `${when} UTC`, data.source && `source: ${data.source}`,
  ].filter(Boolean).join(" · ");
  at("warnings").hidden = !data.warnings.length;
  at("warnings").append(...data.warnings.map((text) => make("li", {}, theirs(text))));
  document.body.classList.toggle("bare", !pictures.length);
  at("about").textContent = data.about;
  at("flags").append(...FLAGS.map(([flag, label]) =>
    make("label", {}, make("input", { type: "checkbox", id: `flag-${flag}`, onchange: refilter }), label)));
};

/** What a reader might miss, since it comes last: seeds without products, and searches gone wrong. */
const drawWithout = () => {
  const without = groups.filter((group) => !group.cards.length);
  const queries = groups.flatMap((group) => group.queries);
  const wrong = queries.filter((query) => outcomeOf(query)[0] === "bad").length;
  const said = [];
  if (without.length) {
    said.push(make("a", { href: `#to-seed-${without[0].place + 1}`, onclick: () => jump(without[0]) },
      `${count(without.length, "seed")} without products`));
  }
  if (wrong) said.push(`${number.format(wrong)} of ${count(queries.length, "search", "searches")} failed or incomplete`);
  at("without").hidden = !said.length;
  at("without").append(...said.flatMap((it, i) => (i ? [" · ", it] : [it])));
};

const start = () => {
  drawHead();
  drawWithout();
  const soon = later(refilter);
  for (const id of ["text", "price-least", "price-most", "sales-least"]) at(id).addEventListener("input", soon);
  at("sort").addEventListener("change", refilter);
  at("jump-text").addEventListener("input", later(drawJumps));
  at("more-filters").addEventListener("click", () => toggle("more-filters", "filters", !isOpen("more-filters")));
  at("jump-open").addEventListener("click", () => {
    toggle("jump-open", "jump", !isOpen("jump-open"));
    if (isOpen("jump-open")) at("jump-text").focus();
  });
  at("reset").addEventListener("click", () => {
    for (const input of document.querySelectorAll("#toolbar input")) {
      input.value = input.type === "checkbox" ? input.value : "";
      input.checked = false;
    }
    at("sort").value = "rank";
    refilter();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !isOpen("jump-open")) return;
    toggle("jump-open", "jump", false);
    at("jump-open").focus();
  });
  document.addEventListener("click", (event) => {
    if (isOpen("jump-open") && !event.target.closest("#jump, #jump-open")) toggle("jump-open", "jump", false);
  });
  refilter();  // a browser that goes back brings what was typed, too
  window.addEventListener("hashchange", jumpToAddress);
  jumpToAddress();
};

start();
