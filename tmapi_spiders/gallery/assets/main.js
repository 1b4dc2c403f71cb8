// Handles what the user does, and draws the page.

const at = (id) => document.getElementById(id);

const state = { filter: noFilter(), sort: "rank", page: 0, cards: groups.map((it) => it.cards) };
const JUMPS_AT_ONCE = 100;

const isFiltered = () =>
  JSON.stringify(state.filter) !== JSON.stringify(noFilter());

/** The seeds to show: all of them; while filtering, those with a match, and those without products
    that the typed words match. */
const shownGroups = () =>
  isFiltered()
    ? groups.filter((group) => state.cards[group.place].length || isSought(group, state.filter))
    : groups;

const isNoPrice = (text) => text !== "" && typedPrice(text) === null;

const readSales = () => {
  const text = at("sales-least").value.trim();
  return text === "" || !Number.isFinite(Number(text)) ? null : Math.round(Number(text));
};

const readFilter = () => ({
  words: at("text").value.toLowerCase().split(/\s+/).filter(Boolean),
  least: typedPrice(at("price-least").value.trim()),
  most: typedPrice(at("price-most").value.trim()),
  sales: readSales(),
  flags: FLAGS.map(([flag]) => flag).filter((flag) => at(`flag-${flag}`).checked),
  kinds: readKinds(),
});

const refilter = () => {
  state.filter = readFilter();
  state.sort = at("sort").value;
  state.cards = select(state.filter, state.sort);
  state.page = 0;
  draw();
};

/** Filter by the price range of a histogram's bar, or remove that filter. The bar keeps the focus. */
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
  drawPrinted(shown);
  drawPager(shown, pages);
  drawJumps();
  const used = state.filter.flags.length + state.filter.kinds.length +
    ["least", "most", "sales"].filter((name) => state.filter[name] !== null).length;
  at("more-filters").textContent = used ? `Filters (${used})` : "Filters";
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
      make("span", {}, theirs(group.name), group.file && make("span", { class: "file dim" }, theirs(group.file))),
      make("span", { class: "dim" }, number.format(isFiltered() ? state.cards[group.place].length : foundOf(group)))))));
  const more = found.length - JUMPS_AT_ONCE;
  at("jump-more").textContent = more > 0 ? `And ${number.format(more)} more: search for them.` : found.length ? "" : "No such seed.";
};

const reset = () => {
  for (const input of document.querySelectorAll("#toolbar input")) {
    input.value = input.type === "checkbox" ? input.value : "";
    input.checked = false;
  }
  at("sort").value = "rank";
  refilter();
};

/** Jump to a seed; if the filters hide it they are reset. */
const jump = (group) => {
  if (!shownGroups().includes(group)) reset();
  const place = shownGroups().indexOf(group);
  const page = Math.floor(place / SEEDS_A_PAGE);
  if (page !== state.page) {
    state.page = page;
    draw();
  }
  toggle("jump-open", "jump", false);
  at(`name-${group.place + 1}`).focus({ preventScroll: true });
  at(`seed-${group.place + 1}`).scrollIntoView({ block: "start" });
};

/** Jump to "#to-seed-7", as in the list of seeds. It is not an element's id, so the browser itself does nothing. */
const jumpToAddress = () => {
  const place = /^#to-seed-(\d+)$/.exec(location.hash);
  if (place && groups[place[1] - 1]) jump(groups[place[1] - 1]);
};

const toggle = (button, panel, open) => {
  at(button).setAttribute("aria-expanded", String(open));
  at(panel).classList.toggle("open", open);
  if (panel === "jump") at(panel).hidden = !open;
  measure();
};

/** Measure the height of the toolbar, for what is below it, and its bottom, for the list of seeds. */
const measure = () => {
  const place = at("toolbar").getBoundingClientRect();
  const root = document.documentElement.style;
  if (root.getPropertyValue("--toolbar") !== `${place.height}px`) root.setProperty("--toolbar", `${place.height}px`);
  if (isOpen("jump-open")) at("jump").style.setProperty("--below", `${place.bottom}px`);
};

const isOpen = (button) => at(button).getAttribute("aria-expanded") === "true";

const later = (act) => {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, 150);
  };
};

const start = () => {
  drawHead();
  if (compares) drawKinds();
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
  at("reset").addEventListener("click", reset);
  at("results").addEventListener("click", () => drawPrinted(shownGroups()));  // more may be shown now
  const closeJump = () => {
    toggle("jump-open", "jump", false);
    at("jump-open").focus();
  };
  at("jump-close").addEventListener("click", closeJump);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && isOpen("jump-open")) closeJump();
  });
  document.addEventListener("click", (event) => {
    if (isOpen("jump-open") && !event.target.closest("#jump, #jump-open")) toggle("jump-open", "jump", false);
  });
  new ResizeObserver(measure).observe(at("toolbar"));
  window.addEventListener("scroll", measure, { passive: true });
  refilter();  // a browser that goes back restores what was typed
  window.addEventListener("hashchange", jumpToAddress);
  jumpToAddress();
};

start();
