// The instructor's view: choose an exercise, press Grade, follow it, read the results.
// It is the same on the page `autograder/` and in a tab of JupyterLab. Whatever comes from students is set as text.

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function xsrfToken() {
  const found = document.cookie.match(/(?:^|; )_xsrf=([^;]*)/);
  return found ? found[1] : "";
}

// Sentences stand here in English; the server knows which language its people read.
let texts = {};

function say(text, values = {}) {
  return (texts[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export function mount(root, address) {
  let leave = () => {};
  let left = false;
  fetch(`${address}/autograder/api/texts`, { credentials: "same-origin", headers: { "X-XSRFToken": xsrfToken() } })
    .then((answer) => (answer.ok ? answer.json() : {}))
    .catch(() => ({}))
    .then((content) => {
      texts = content.texts ?? {};
      if (content.language && root.lang !== content.language) root.lang = content.language;
      if (!left) leave = build(root, address);
    });
  return () => {
    left = true;
    leave();
  };
}

function build(root, address) {
  const api = (name) => `${address}/autograder/api/${name}`;
  let timer = null;
  let ended = false;
  let shown = "";

  const title = element("h1", { textContent: say("Grade a class") });
  const warning = element("p", { className: "ag-warning", hidden: true });
  warning.setAttribute("role", "alert");
  const watched = element("p", {
    hidden: true,
    textContent: say("autograder watch grades what arrives, so there is nothing to press. Results appear below."),
  });
  const choice = element("select", { id: "ag-exercise" });
  const force = element("input", { type: "checkbox", id: "ag-force" });
  const grade = element("button", { textContent: say("Grade"), className: "ag-main", id: "ag-grade" });
  const stop = element("button", { textContent: say("Stop"), hidden: true, id: "ag-stop" });
  const bar = element("progress", { hidden: true });
  bar.setAttribute("aria-label", say("graded so far"));
  const status = element("p", { id: "ag-status" });
  status.setAttribute("role", "status");
  const said = element("pre", { textContent: "", tabIndex: 0 });
  const log = element("details", { hidden: true }, element("summary", { textContent: say("What the grader said") }), said);
  const results = element("div", { id: "ag-results" });
  const links = element(
    "p",
    {},
    say("Collect what learners submit in the formgrader. The course's files are in JupyterLab."),
    " ",
    element("a", { href: `${address}/formgrader`, target: "_blank", textContent: say("Formgrader") }),
    " ",
    element("a", { href: `${address}/lab`, target: "_blank", textContent: "JupyterLab" })
  );
  root.classList.add("ag-grading");
  root.append(
    title,
    warning,
    element(
      "div",
      { className: "ag-row" },
      element("label", { htmlFor: "ag-exercise", textContent: say("Exercise") }),
      choice,
      grade,
      stop,
      element("label", { className: "ag-check" }, force, ` ${say("also what has not changed")}`)
    ),
    watched,
    bar,
    status,
    results,
    log,
    links
  );

  async function call(name, body) {
    // A Hub wants the token with every request, not only with those that change something.
    const options = { credentials: "same-origin", cache: "no-store", headers: { "X-XSRFToken": xsrfToken() } };
    if (body !== undefined) {
      options.method = "POST";
      options.body = JSON.stringify(body);
      options.headers["Content-Type"] = "application/json";
    }
    const answer = await fetch(api(name), options);
    const text = await answer.text();
    let content = {};
    try {
      content = JSON.parse(text);
    } catch {
      // A login page, or a proxy's; the status says enough.
    }
    if (!answer.ok) throw new Error(content.message || say("The server answered {status}.", { status: answer.status }));
    return content;
  }

  function table(rows) {
    const head = element("tr", {}, ...[say("student"), say("score"), say("status"), say("first hint")].map((name) =>
      Object.assign(element("th", { textContent: name }), { scope: "col" })));
    const body = rows.map((row) =>
      element(
        "tr",
        { className: row.status === "graded" ? "" : "ag-odd" },
        element("td", { textContent: row.student }),
        element("td", { textContent: say("{points} of {most}", { points: row.shown_score, most: row.shown_max }), className: "ag-number" }),
        element("td", { textContent: row.shown_status }),
        element("td", { textContent: row.hint })
      ));
    const made = element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
    const place = element("div", { className: "ag-scroll", tabIndex: 0 }, made);
    place.setAttribute("role", "group");
    place.setAttribute("aria-label", say("What came of it"));
    return place;
  }

  function due(exercise) {
    return element("p", { id: "ag-due", textContent: exercise.due.join(" ") });
  }

  // What can be done once an exercise is graded. Each link opens a page of its own.
  function after(exercise) {
    const link = (id, path, text) => element("a", {
      id, href: `${address}/autograder/${path}`, target: "_blank", textContent: text,
    });
    const name = encodeURIComponent(exercise.name);
    const release = element("button", { id: "ag-release", textContent: say("Release feedback") });
    release.addEventListener("click", async () => {
      release.disabled = true;
      status.textContent = say("{exercise}: releasing feedback", { exercise: exercise.name });
      try {
        status.textContent = (await call("feedback", { exercise: exercise.name })).told;
      } catch (error) {
        status.textContent = error.message;
      }
      release.disabled = false;
    });
    return element(
      "p",
      { className: "ag-row" },
      link("ag-report", `report/${name}`, say("Report of the class")),
      link("ag-mark", `mark/${name}/`, say("Mark by hand")),
      link("ag-similar", `similar/${name}`, say("Similar work")),
      release
    );
  }

  function show(state) {
    const run = state.run;
    const running = run !== null && run.status === null;
    title.textContent = say("Grade {course}", { course: state.course });
    warning.hidden = !state.sandbox;
    warning.textContent = state.sandbox
      ? say("Student code cannot be sandboxed on this machine: {why}. Ask your operator before you grade.", { why: state.sandbox })
      : "";
    const chosen = choice.value || (run && run.exercise) || "";
    choice.replaceChildren(...state.exercises.map((exercise) =>
      element("option", {
        value: exercise.name,
        textContent: say("{exercise} ({count} collected)", { exercise: exercise.name, count: exercise.collected }),
        selected: exercise.name === chosen,
      })));
    choice.disabled = running;
    grade.disabled = force.disabled = running || state.watched;
    stop.hidden = bar.hidden = !running;
    if (running) {
      if (run.total) {
        bar.max = run.total;
        bar.value = run.done;
        status.textContent = say("{exercise}: {done} of {total} graded", { exercise: run.exercise, done: run.done, total: run.total });
      } else {
        bar.removeAttribute("value");
        status.textContent = say("{exercise}: making ready", { exercise: run.exercise });
      }
    } else if (run !== null) {
      const last = run.lines.filter((line) => line.trim()).at(-1) || "";
      status.textContent = run.status === 0
        ? say("{exercise}: done. {summary}", { exercise: run.exercise, summary: run.summary })
        : say("{exercise}: not finished. {why}", { exercise: run.exercise, why: last });
    }
    watched.hidden = !state.watched;
    log.hidden = run === null;
    said.textContent = run === null ? "" : run.lines.join("\n");
    const exercise = state.exercises.find((one) => one.name === choice.value);
    const now = JSON.stringify([exercise, running]);
    if (now !== shown) {  // else whoever is at a link or a button there would lose their place
      shown = now;
      results.replaceChildren(
        ...(exercise ? [due(exercise)] : []),
        ...(exercise && exercise.result && !running ? [after(exercise), table(exercise.result)] : [])
      );
    }
    return running ? 1000 : state.watched ? 5000 : 0;
  }

  async function refresh() {
    clearTimeout(timer);
    let milliseconds = 5000;
    try {
      milliseconds = show(await call("state"));
    } catch (error) {
      status.textContent = error.message;
    }
    if (milliseconds && !ended) timer = setTimeout(refresh, milliseconds);
  }

  async function press(name, body) {
    try {
      await call(name, body);
    } catch (error) {
      status.textContent = error.message;
      return;
    }
    await refresh();
  }

  grade.addEventListener("click", () => press("grade", { exercise: choice.value, force: force.checked }));
  stop.addEventListener("click", () => press("stop", {}));
  choice.addEventListener("change", refresh);
  window.addEventListener("focus", refresh);
  refresh();
  return () => {
    ended = true;
    clearTimeout(timer);
    window.removeEventListener("focus", refresh);
  };
}
