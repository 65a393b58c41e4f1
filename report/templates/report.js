const page = document.documentElement;
const radios = [...document.querySelectorAll("[name=language]")];
const choose = language => {
  page.lang = language;
  document.title = page.dataset[language === "ru" ? "titleRu" : "titleEn"];
};
for (const radio of radios) radio.addEventListener("change", () => choose(radio.id));
const preferred = radios.find(radio => radio.id === navigator.language.slice(0, 2));
if (preferred) preferred.checked = true;
choose(radios.find(radio => radio.checked).id);
