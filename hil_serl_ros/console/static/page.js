// What the operator's page does by itself: the cameras' pictures, the seat's words, the sound of a call.
(() => {
  const STALE = 1000; // ms without a picture after which a camera counts as silent
  const RETRY = 500; // ms until the pictures' socket is opened again
  const CAPTION = "figcaption";

  const show = (id, text) => {
    const element = document.getElementById(id);
    if (element && element.textContent !== text) element.textContent = text;
  };

  // -------------------- pictures --------------------
  const came = new Map(); // camera's figure: when its last picture came
  const look = () => {
    const address = new URL("/pictures", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address);
    let waiting = 0; // pictures that are shown but not answered: nobody looks at a hidden page
    const answer = () => {
      if (document.hidden) waiting += 1;
      else if (socket.readyState === WebSocket.OPEN) socket.send("next");
    };
    const seen = () => {
      if (!document.hidden) for (; waiting > 0; waiting -= 1) answer();
    };
    document.addEventListener("visibilitychange", seen);
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event) => {
      const figure = document.querySelector(`[data-camera="${new Uint8Array(event.data, 0, 1)[0]}"]`);
      const image = figure?.querySelector("img");
      if (!image) {
        answer();
        return;
      }
      const url = URL.createObjectURL(new Blob([new Uint8Array(event.data, 1)], { type: "image/jpeg" }));
      image.onload = image.onerror = () => {
        URL.revokeObjectURL(url);
        answer();
      };
      image.src = url;
      came.set(figure, performance.now());
    };
    socket.onclose = () => {
      document.removeEventListener("visibilitychange", seen);
      setTimeout(look, RETRY);
    };
  };
  const silence = () => {
    for (const figure of document.querySelectorAll("[data-camera]")) {
      const silent = performance.now() - (came.get(figure) ?? 0);
      figure.classList.toggle("stale", silent > STALE);
      const name = figure.dataset.name;
      const words = came.has(figure) ? `${name}: no picture for ${Math.floor(silent / 1000)} s` : `${name}: no picture yet`;
      const caption = figure.querySelector(CAPTION);
      const text = silent > STALE ? words : name;
      if (caption.textContent !== text) caption.textContent = text;
    }
  };

  // -------------------- the seat --------------------
  const seat = (state) => {
    let words = "Nobody has the seat: take it to drive.";
    if (!state.connected) words = state.why || "Connecting to the console.";
    else if (state.mine && state.away) words = "Click into the page to drive.";
    else if (state.mine) words = state.driving ? "You drive: Space hands back." : "You have the seat: Space takes over.";
    else if (state.holder) words = `You watch: ${state.holder} has the seat${state.driving ? " and drives" : ""}.`;
    show("seat-words", words);
    show("pad-words", state.pad ? `gamepad: ${state.pad}` : "");
    document.body.classList.toggle("mine", state.mine);
    if (window.emitEvent) emitEvent("seat", { session: teleop.session });
  };

  addEventListener("load", () => {
    teleop.addEventListener("state", (event) => seat(event.detail));
    teleop.addEventListener("roundTrip", (event) =>
      show("round-trip", `${event.detail.median.toFixed(0)} ms, worst ${event.detail.worst.toFixed(0)} ms`));
    let forget = 0;
    teleop.addEventListener("refused", (event) => {
      show("refused", event.detail);
      clearTimeout(forget);
      forget = setTimeout(() => show("refused", ""), 6000);
    });
    look();
    setInterval(silence, 250);
    setInterval(() => seat(teleop.state), 1000);
    setTimeout(() => seat(teleop.state), 300);
  });

  // -------------------- the call --------------------
  let audio = null;
  // A browser lets a page sound only after a touch.
  addEventListener("pointerdown", () => (audio ??= new AudioContext()).resume());
  addEventListener("keydown", () => (audio ??= new AudioContext()).resume());
  window.call = () => {
    teleop.rumble();
    if (!audio) return;
    for (const [start, pitch] of [[0, 880], [0.2, 1175]]) {
      const tone = audio.createOscillator();
      const gain = audio.createGain();
      tone.frequency.value = pitch;
      gain.gain.value = 0.15;
      tone.connect(gain).connect(audio.destination);
      tone.start(audio.currentTime + start);
      tone.stop(audio.currentTime + start + 0.15);
    }
  };
})();
