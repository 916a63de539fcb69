const page = JSON.parse(document.getElementById("data").textContent);

function open_show(run) {
  const root = run.querySelector(".show");
  if (root && !root.show) {
    root.show = new Show(root, page.shows[Number(root.dataset.show)], page.sources);
  }
  if (root) activate(root.show);
}

function open_target() {
  const run = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (run && run.matches("details.run")) {
    run.open = true;
    open_show(run);
    run.scrollIntoView();
  }
}

for (const run of document.querySelectorAll("details.run")) {
  run.addEventListener("toggle", () => { if (run.open) open_show(run); });
  if (run.open) open_show(run);
}
window.addEventListener("hashchange", open_target);
open_target();
