"""A local TMAPI with made-up products, which needs no token and no network.

Internal, except what docs/reference.md lists.

Its world is small. Some thousand made-up products (mugs, hats, kites …) each have a *look*: a kind,
a colour, a size and a pattern; the sandbox draws their pictures. A search finds the products of the
same kind whose colour, size and pattern are similar enough (`looks.distance`), nearest first.

**What an image shows** is decided by its name, the last part of the URL without extension. The id
of a product (`612345678901`) stands for that product's picture; any other name is given a look,
always the same one.

**Which images can be searched:** paths beginning with `/search/`, URLs on Alibaba's hosts (but not
with such a path after the host), and the sandbox's own pictures at `/img/`. Any other finds
nothing until it is converted; a conversion keeps the name, so the image keeps its look and whatever
its name asks for.

**What a name asks for,** by the words in it (not next to letters):

| in the name | what happens |
| --- | --- |
| `fail-KIND` | its searches are answered with a fault; the kinds are in `faults.FAULTS` |
| `convert-KIND` | its conversions are |
| `…-xN`, `…-pN`, `…-dN` | after either: only a call's first N attempts; only page N; only day N |
| `nothing` | a true page without items |
| `onepage` | at most 7 matches |
| `ragged` | pages hold more or fewer items than asked for, and state a different page_size |
| `endless` | there is always a next page; past the last match they begin again |
| `overlap` | each page begins with the last 5 items of the one before |
| `gap-pN` | page N is empty, though there is a next one |
| `mixed` | some elements among the items are not items |
| `bigtotal` | total_count is 2000, however much is found |
| `slow`, `slow-N` | its calls take 2 or N seconds longer |
| `echo`, `redirect` | 422 or 302 that quotes the whole request URL, with the token |
| `unconvertible` | it can't be converted: 422 |
| `unreadable` | nothing is found until it is converted, whatever host it is on |

**From day to day** prices, sales, minimum orders, suppliers and the catalogue change (`facts.MOVES`
and `days`); `drift.changes` lists the changes.

Modules, each importing only from those before it: words, draws, looks, pictures, forms, days,
facts, catalogue, images, parameters, search, worlds, answers, faults, options, drift, account, api,
server.
"""
