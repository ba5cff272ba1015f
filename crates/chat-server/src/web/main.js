// What the person does with the page becomes events.

function wire() {
  $('enter').onsubmit = (event) => {
    event.preventDefault();
    comeIn($('name').value);
  };
  $('free').onclick = () => comeIn(state.free);
  $('compose').onsubmit = (event) => {
    event.preventDefault();
    const text = $('say').value;
    $('say').value = '';
    fit();
    dispatch({ type: 'line', text });
    $('say').focus();
  };
  $('say').oninput = fit;
  $('say').onkeydown = (event) => {
    // While a word is composed, as in Japanese, Enter ends the word.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    $('compose').requestSubmit();
  };
  $('other').onsubmit = (event) => {
    event.preventDefault();
    const room = $('other-name').value.trim();
    $('other-name').value = '';
    if (room) dispatch({ type: 'join', room });
  };
  $('side').onclick = ({ target }) => {
    const button = target.closest('[data-do]');
    if (button) act(JSON.parse(button.dataset.do));
  };
  wireSmall();
  wireNaming();
}

function comeIn(name) {
  dispatch({
    type: 'entering',
    nick: name.trim(),
    room: $('first').value.trim().replace(/^#/, ''),
  });
}

function act(event) {
  if (event.type === 'naming') openNaming();
  else dispatch(event);
}

function wireSmall() {
  $('menu').onclick = () => showMenu(!document.body.classList.contains('menu'));
  $('veil').onclick = () => showMenu(false);
  $('rename').onclick = openNaming;
  $('quit').onclick = () => dispatch({ type: 'quit' });
  $('fresh').onclick = () => {
    toEnd();
    dispatch({ type: 'seen' });
    $('say').focus();
  };
  $('strip-now').onclick = () =>
    dispatch(state.isLeaving ? { type: 'quit', isNow: true } : { type: 'hurry' });
  log().onscroll = () => {
    if (isAtEnd()) {
      $('fresh').hidden = true;
      if (shownRoom(state).unread) dispatch({ type: 'seen' });
    }
    if (log().scrollTop < 200) wantOlder();
  };
}

function wantOlder() {
  const { hasOlder, isLoading } = shownRoom(state);
  if (hasOlder && !isLoading) dispatch({ type: 'older' });
}

function openNaming() {
  $('new-name').value = state.me.nick;
  $('naming-why').textContent = '';
  $('naming').showModal();
  $('new-name').select();
}

function wireNaming() {
  $('naming-form').onsubmit = (event) => {
    event.preventDefault();
    dispatch({ type: 'rename', nick: $('new-name').value.trim(), isInDialog: true });
  };
  $('naming-no').onclick = () => $('naming').close();
}

// What the browser does.
function listen() {
  document.onkeydown = (event) => {
    if (event.key === 'Escape' && document.body.classList.contains('menu')) showMenu(false);
  };
  let hidden = Date.now();
  document.onvisibilitychange = () => {
    if (document.hidden) {
      hidden = Date.now();
      return;
    }
    looksForOwner();
    dispatch({ type: 'woke', away: Date.now() - hidden });
  };
  window.onpageshow = (event) => {
    if (event.persisted) looksForOwner();
  };
  document.addEventListener('resume', looksForOwner);
  window.ononline = () => dispatch({ type: 'hurry' });
  window.onhashchange = () => {
    const { room } = readAddress();
    if (room && state.stage === 'in') dispatch({ type: 'join', room });
  };
  matchMedia('(max-width: 46em)').onchange = () => showMenu(false);
  // The end stays in sight when the keyboard of a phone comes.
  new ResizeObserver(() => {
    if ($('fresh').hidden) toEnd();
  }).observe(log());
  // iOS keeps the height of the page when its keyboard comes, and scrolls the page away.
  if (window.visualViewport) {
    visualViewport.onresize = () => {
      if (visualViewport.scale !== 1) return; // a person who zooms wants to see a part
      document.documentElement.style.setProperty('--height', `${visualViewport.height}px`);
      scrollTo(0, 0);
    };
  }
  setInterval(() => dispatch({ type: 'looks' }), 30000);
}

let state = newState(newMe(hex(16)));

async function start() {
  const { key: fromAddress, room } = readAddress();
  key = fromAddress || stored.get('chat-key');
  if (fromAddress) {
    stored.set('chat-key', fromAddress);
    history.replaceState(null, '', room ? `#${encodeURIComponent(room)}` : '.');
  }
  wire();
  state = newState(await takeSlot());
  listen();
  dispatch({ type: 'started', room });
}

start();
