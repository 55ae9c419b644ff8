// SPDX-License-Identifier: Apache-2.0

// Saved searches: kept in this browser, by the key of whoever signed in. Only those
// whose address tells nothing of a person are offered to be saved.
const section = document.getElementById("saved");
const { save, forget, here, of } = section.dataset;
const name = `lendlog.searches.${location.pathname}.${of}`;
const read = () => { try { return JSON.parse(localStorage.getItem(name)) ?? []; } catch { return []; } };
const write = (all) => { localStorage.setItem(name, JSON.stringify(all)); show(); };

const button = (text, act) => {
  const b = document.createElement("button");
  b.type = "button";
  b.textContent = text;
  b.addEventListener("click", act);
  return b;
};

const list = document.createElement("ul");
section.append(list);
if (here) {
  section.append(button(save, () => write([...read().filter((s) => s.filter !== here), { filter: here, url: location.search }])));
}

function show() {
  const all = read();
  list.replaceChildren(...all.map(({ filter, url }) => {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = url;
    link.textContent = filter;
    const drop = button(forget, () => write(read().filter((s) => s.filter !== filter)));
    drop.className = "quiet";
    item.append(link, " ", drop);
    return item;
  }));
  section.hidden = all.length === 0 && !here;
}
show();
