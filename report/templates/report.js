const page = document.documentElement;
const radios = [...document.querySelectorAll("[name=language]")];
const choose = language => {
  page.lang = language;
  document.title = page.dataset[language === "ru" ? "titleRu" : "titleEn"];
};
const key = "otel-lab-language";
let kept = null;
// A browser may keep nothing for a file.
try { kept = localStorage.getItem(key); } catch { }
for (const radio of radios) radio.addEventListener("change", () => {
  choose(radio.id);
  try { localStorage.setItem(key, radio.id); } catch { }
});
const preferred = radios.find(radio => radio.id === (kept ?? navigator.language.slice(0, 2)));
if (preferred) preferred.checked = true;
choose(radios.find(radio => radio.checked).id);

for (const button of document.querySelectorAll(".copy")) button.addEventListener("click", () => {
  // Without a secure address there is no navigator.clipboard, but a selection can be copied.
  getSelection().selectAllChildren(button.previousElementSibling);
  document.execCommand("copy");
  button.classList.add("done");
});
// Paper has no folds to open.
let folded = [];
addEventListener("beforeprint", () => {
  folded = document.querySelectorAll(".diff:not([open])");
  for (const diff of folded) diff.open = true;
});
addEventListener("afterprint", () => {
  for (const diff of folded) diff.open = false;
});
if (matchMedia("screen and (max-width: 900px)").matches)
  for (const diff of document.querySelectorAll(".diff")) diff.open = false;
