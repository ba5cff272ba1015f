// n and p go from trouble to trouble, o unfolds all and folds it up again; the buttons do the same.
(() => {
  const all = (what) => [...document.querySelectorAll(what)];
  const isShown = (it) => it.getClientRects().length > 0;
  let here;
  const go = (by) => {
    // Of the two drawings of a diagram one is shown.
    const odd = all('.row.odd').filter(isShown);
    if (!odd.length) return;
    const at = odd.indexOf(here);
    here?.classList.remove('here');
    here = at < 0 && by < 0 ? odd.at(-1) : odd[(at + by + odd.length) % odd.length];
    here.classList.add('here');
    here.scrollIntoView({ block: 'center', inline: 'nearest' });
  };
  const unfold = () => {
    const open = all('details.fold').some((fold) => !fold.open);
    all('details.fold').forEach((fold) => { fold.open = open; });
  };
  const keys = { n: () => go(1), p: () => go(-1), o: unfold };
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    keys[event.key]?.();
  });
  const has = (section, what) => section.querySelector(what) !== null;
  all('.keys').forEach((it) => {
    const section = it.closest('section');
    it.querySelector('.troubles').hidden = !has(section, '.row.odd');
    it.querySelector('.folds').hidden = !has(section, '.fold');
    it.hidden = false;
  });
  all('[data-key]').forEach((it) => it.addEventListener('click', () => keys[it.dataset.key]()));
})();
