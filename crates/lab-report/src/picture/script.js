// n and p go from trouble to trouble, o unfolds all and folds it up again.
(() => {
  const all = (what) => [...document.querySelectorAll(what)];
  let at = -1;
  const go = (by) => {
    const odd = all('.row.odd');
    if (!odd.length) return;
    odd[at]?.classList.remove('here');
    at = at < 0 && by < 0 ? odd.length - 1 : (at + by + odd.length) % odd.length;
    odd[at].classList.add('here');
    odd[at].scrollIntoView({ block: 'center', inline: 'nearest' });
  };
  const unfold = () => {
    const open = all('details.fold').some((fold) => !fold.open);
    all('details.fold').forEach((fold) => { fold.open = open; });
  };
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    ({ n: () => go(1), p: () => go(-1), o: unfold })[event.key]?.();
  });
})();
