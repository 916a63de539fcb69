/** Dark or light, before anything is drawn; without a choice as the system has it. */
const KEY = "opvasm-theme";

function stored(): string | null {
  try { return localStorage.getItem(KEY); } catch { return null; }
}

function dark(): boolean {
  return (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
}

const chosen = stored();
if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;

document.addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("theme")!;
  const label = () => { button.textContent = dark() ? "☀" : "☾"; button.title = dark() ? "light" : "dark"; };
  label();
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.setItem(KEY, document.documentElement.dataset.theme); } catch { /* for this visit only */ }
    label();
  });
});
