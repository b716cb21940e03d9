// The browser's half of the teleop socket. The page uses `window.teleop`, an EventTarget:
//   teleop.takeSeat(), teleop.leaveSeat()
//   teleop.press(name)   success failure again pause resume stop reset demonstrate; only stop needs no seat
//   teleop.rumble(ms)    calls the person through the gamepad, where it can
//   teleop.session       this connection's secret, null without one: proves to the server that the seat is this page's
//   teleop.state         {connected, mine, holder, since, driving, pages, away, pad, why}; `since` is a Date or null,
//                        `why` a sentence for the person or ""
//   teleop.roundTrip     {last, median, worst} in ms of the last 100 echoes
// Events: "state" and "roundTrip" with those as detail, "refused" with a sentence as detail.
(() => {
  const TICK = 10; // ms between looks at the gamepad
  const HEARTBEAT = 20; // ms between messages while this page has the seat
  const IDLE = 500; // ms between messages while it has not
  const ECHO = 200; // ms between echoes
  const SILENCE = 1000; // ms without an echo after which the console counts as gone
  const RETRY = 500; // ms until the socket is opened again
  const EDITABLE = "input, textarea, select, [contenteditable=''], [contenteditable=true]";

  class Teleop extends EventTarget {
    state = { connected: false, mine: false, holder: "", since: null, driving: false, pages: 0, away: false, pad: "", why: "" };
    roundTrip = { last: 0, median: 0, worst: 0 };
    #socket = null;
    #session = null; // of this connection; without one nothing is said
    #number = 0;
    #held = new Set();
    #driving = new Set(); // codes of the keys that are ours while this page has the seat
    #always = new Set(); // those that are ours on every page: the stop
    #leave = ""; // the key that gives the seat up
    #pressed = [];
    #seat = "";
    #pad = null;
    #padIndex = null;
    #padText = "null";
    #spoke = 0;
    #asked = 0;
    #answered = 0;
    #trips = [];

    constructor() {
      super();
      this.state.away = this.#away();
      addEventListener("keydown", (event) => this.#keydown(event), true);
      addEventListener("keyup", (event) => this.#keyup(event), true);
      for (const name of ["blur", "focus", "pagehide", "pageshow"]) addEventListener(name, () => this.#look(name));
      document.addEventListener("visibilitychange", () => this.#look());
      addEventListener("gamepaddisconnected", () => this.#tick());
      // A worker's timer is not slowed down when the page is hidden: the seat is kept, and the lookers-on are told.
      const timer = new Blob([`setInterval(() => postMessage(0), ${TICK})`], { type: "text/javascript" });
      const worker = new Worker(URL.createObjectURL(timer));
      worker.onmessage = () => this.#tick();
      this.#open();
    }

    get session() {
      return this.#session;
    }

    takeSeat() {
      this.#seat = "take";
      this.#say();
    }

    leaveSeat() {
      this.#held.clear();
      this.#seat = "leave";
      this.#say();
    }

    press(name) {
      // The stop does not depend on a socket.
      if (name === "stop") fetch("/stop", { method: "POST", keepalive: true }).catch(() => {});
      if (!this.#session) {
        this.#emit("refused", `${name}: the console is not connected`);
        return;
      }
      this.#pressed.push(name);
      this.#say();
    }

    rumble(milliseconds = 400) {
      const pad = this.#padIndex === null ? null : navigator.getGamepads()[this.#padIndex];
      pad?.vibrationActuator
        ?.playEffect("dual-rumble", { duration: milliseconds, strongMagnitude: 0.8, weakMagnitude: 0.4 })
        .catch(() => {});
    }

    // -------------------- the socket --------------------
    #open() {
      const address = new URL("/teleop", location.href);
      address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
      const socket = new WebSocket(address);
      this.#socket = socket;
      socket.onmessage = (event) => this.#hear(JSON.parse(event.data));
      socket.onclose = () => {
        this.#session = null;
        this.#held.clear();
        this.#pressed = [];
        this.#seat = "";
        this.#change({ connected: false, mine: false, holder: "", since: null, driving: false, pages: 0,
          why: "no connection to the console; it is tried again, or open the page anew" });
        setTimeout(() => this.#open(), RETRY);
      };
    }

    #hear(word) {
      if (word.kind === "welcome") {
        this.#session = word.session;
        this.#number = 0;
        this.#driving = new Set(word.keys);
        this.#always = new Set(word.stop_keys);
        this.#leave = word.leave;
        this.#answered = performance.now();
        this.#change({ connected: true, why: "" });
        this.#say();
      } else if (word.kind === "seat") {
        if (!word.mine) this.#held.clear();
        const since = word.holder ? new Date(Date.now() - word.age * 1000) : null;
        this.#change({ mine: word.mine, holder: word.holder, since, driving: word.driving, pages: word.pages });
      } else if (word.kind === "echo") {
        this.#answered = performance.now();
        this.#measure(this.#answered - word.sent);
        if (!this.state.connected) this.#change({ connected: true, why: "" });
      } else if (word.kind === "refused") {
        this.#emit("refused", word.why);
      }
    }

    #say() {
      if (!this.#session || this.#socket.readyState !== WebSocket.OPEN) return;
      const now = performance.now();
      const message = { session: this.#session, number: this.#number++, held: [...this.#held], pad: this.#pad };
      if (this.#pressed.length) message.pressed = this.#pressed.splice(0);
      if (this.#seat) message.seat = this.#seat;
      if (this.state.away) message.away = true;
      if (now - this.#asked >= ECHO) message.sent = this.#asked = now;
      this.#seat = "";
      this.#spoke = now;
      this.#socket.send(JSON.stringify(message));
    }

    #tick() {
      const before = this.#padText;
      this.#readPad();
      const now = performance.now();
      // Half a tick early counts as due: a timer never comes exactly.
      const due = now - this.#spoke >= (this.state.mine ? HEARTBEAT : IDLE) - TICK / 2;
      if (due || this.#padText !== before) this.#say();
      if (this.#session && this.state.connected && now - this.#answered > SILENCE) {
        this.#change({ connected: false, why: "the console does not answer" });
      }
    }

    // -------------------- the hands --------------------
    #keydown(event) {
      if (!this.#isOurs(event) || event.getModifierState("AltGraph")) return; // AltGr also says ControlLeft
      event.preventDefault();
      event.stopPropagation();
      if (event.repeat || this.#held.has(event.code)) return;
      this.#held.add(event.code);
      if (event.code === this.#leave) this.leaveSeat();
      else if (this.#always.has(event.code) && !this.state.connected) this.press("stop"); // not by the socket
      else this.#say();
    }

    #keyup(event) {
      // With Meta held, a Mac keeps the other keys' release to itself.
      if (event.key === "Meta") this.#held.clear();
      else if (!this.#held.delete(event.code)) return;
      event.preventDefault();
      event.stopPropagation();
      this.#say();
    }

    #isOurs(event) {
      const target = event.composedPath()[0];
      if (target instanceof Element && target.closest(EDITABLE)) return false;
      if (this.#always.has(event.code)) return true;
      // Ctrl and Shift are hands here; with Alt and Meta the browser is meant.
      return this.state.mine && this.#driving.has(event.code) && !event.altKey && !event.metaKey;
    }

    #readPad() {
      const pads = [...navigator.getGamepads()].filter((pad) => pad && pad.connected);
      const fitting = pads.filter((pad) => pad.mapping === "standard");
      const pad = fitting.find((pad) => pad.index === this.#padIndex) ?? fitting[0];
      this.#padIndex = pad ? pad.index : null;
      this.#pad = null;
      if (pad && this.state.mine && !this.state.away) {
        const limited = (value) => Math.round(Math.min(1, Math.max(-1, value)) * 1e4) / 1e4;
        this.#pad = { axes: pad.axes.slice(0, 16).map(limited), buttons: pad.buttons.slice(0, 32).map((b) => limited(b.value)) };
      }
      this.#padText = JSON.stringify(this.#pad);
      const name = pad ? pad.id : pads.length ? `${pads[0].id} has no standard mapping in this browser` : "";
      if (name !== this.state.pad) this.#change({ pad: name });
    }

    #away() {
      return document.hidden || !document.hasFocus();
    }

    #look(name = "") {
      const away = name === "pagehide" || this.#away();
      if (away) this.#held.clear();
      if (away === this.state.away) return;
      this.#change({ away });
      this.#readPad();
      this.#say();
    }

    // -------------------- the page --------------------
    #measure(trip) {
      this.#trips.push(trip);
      if (this.#trips.length > 100) this.#trips.shift();
      const sorted = [...this.#trips].sort((a, b) => a - b);
      this.roundTrip = { last: trip, median: sorted[sorted.length >> 1], worst: sorted[sorted.length - 1] };
      this.#emit("roundTrip", this.roundTrip);
    }

    #change(values) {
      this.state = { ...this.state, ...values };
      this.#emit("state", this.state);
    }

    #emit(name, detail) {
      this.dispatchEvent(new CustomEvent(name, { detail }));
    }
  }

  window.teleop ??= new Teleop();
})();
