/** Forms in which one choice decides which fields matter: the others are put away. Without this script all of them stand there. */
for (const form of document.querySelectorAll("form.terms")) {
  const choose = () => {
    for (const part of form.querySelectorAll("[data-when]")) {
      const [name, ...values] = part.dataset.when.split(" ");
      part.hidden = !values.includes(form.elements[name].value);
    }
  };
  form.addEventListener("change", choose);
  choose();
}
