// Makes the page's elements. All text is set as text: nothing from the job is ever parsed as markup.

const make = (tag, properties = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
};

/** Foreign text, which has its own direction, isolated from the text around it. */
const theirs = (text, tag = "bdi") => make(tag, { dir: "auto" }, String(text));

const link = (url, ...children) => {
  let protocol = "";
  try {
    protocol = new URL(url).protocol;
  } catch {
    /* not a URL */
  }
  if (protocol !== "https:" && protocol !== "http:") return make("span", {}, ...children);
  return make(
    "a",
    { href: url, target: "_blank", rel: "noopener noreferrer" },
    ...children,
  );
};

const picture = (index, alt, ifNone = "No picture given") => {
  if (index !== null && index >= 0) {
    return make("img", { src: pictures[index], alt, loading: "lazy", decoding: "async" });
  }
  const why = index === null ? ifNone : "Picture not embedded";
  return make("span", { class: "no-picture", role: "img", "aria-label": `${alt}: ${why}` }, why);
};
