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

export function mount(root, address) {
  const api = (name) => `${address}/autograder/api/${name}`;
  let timer = null;
  let ended = false;

  const title = element("h1", { textContent: "Grade a class" });
  const warning = element("p", { className: "ag-warning", hidden: true });
  warning.setAttribute("role", "alert");
  const choice = element("select", { id: "ag-exercise" });
  const force = element("input", { type: "checkbox", id: "ag-force" });
  const grade = element("button", { textContent: "Grade", className: "ag-main", id: "ag-grade" });
  const stop = element("button", { textContent: "Stop", hidden: true, id: "ag-stop" });
  const bar = element("progress", { hidden: true });
  bar.setAttribute("aria-label", "graded so far");
  const status = element("p", { id: "ag-status" });
  status.setAttribute("role", "status");
  const said = element("pre", { textContent: "", tabIndex: 0 });
  const log = element("details", { hidden: true }, element("summary", { textContent: "What the grader said" }), said);
  const results = element("div", { id: "ag-results" });
  const links = element(
    "p",
    {},
    "Collect before, and look, comment and release after, in the ",
    element("a", { href: `${address}/formgrader`, target: "_blank", textContent: "formgrader" }),
    ". The course's files are in ",
    element("a", { href: `${address}/lab`, target: "_blank", textContent: "JupyterLab" }),
    "."
  );
  root.classList.add("ag-grading");
  root.append(
    title,
    warning,
    element(
      "div",
      { className: "ag-row" },
      element("label", { htmlFor: "ag-exercise", textContent: "Exercise" }),
      choice,
      grade,
      stop,
      element("label", { className: "ag-check" }, force, " also what has not changed")
    ),
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
    if (!answer.ok) throw new Error(content.message || `The server answered ${answer.status}.`);
    return content;
  }

  function table(rows) {
    const head = element("tr", {}, ...["student", "score", "status", "first hint"].map((name) =>
      Object.assign(element("th", { textContent: name }), { scope: "col" })));
    const body = rows.map((row) =>
      element(
        "tr",
        { className: row.status === "graded" ? "" : "ag-odd" },
        element("td", { textContent: row.student }),
        element("td", { textContent: `${+row.score.toFixed(2)} of ${row.max_score}`, className: "ag-number" }),
        element("td", { textContent: row.status }),
        element("td", { textContent: row.hint })
      ));
    return element("table", {}, element("thead", {}, head), element("tbody", {}, ...body));
  }

  function report(exercise) {
    const href = `${address}/autograder/report/${encodeURIComponent(exercise.name)}`;
    return element("p", {}, element("a", { id: "ag-report", href, target: "_blank", textContent: "Report of the class" }));
  }

  function show(state) {
    const run = state.run;
    const running = run !== null && run.status === null;
    title.textContent = `Grade ${state.course}`;
    warning.hidden = !state.sandbox;
    warning.textContent = state.sandbox
      ? `Student code cannot be walled in on this machine: ${state.sandbox}. Ask your operator before you grade.`
      : "";
    const chosen = choice.value || (run && run.exercise) || "";
    choice.replaceChildren(...state.exercises.map((exercise) =>
      element("option", {
        value: exercise.name,
        textContent: `${exercise.name} (${exercise.collected} collected)`,
        selected: exercise.name === chosen,
      })));
    grade.disabled = choice.disabled = running;
    stop.hidden = bar.hidden = !running;
    if (running) {
      if (run.total) {
        bar.max = run.total;
        bar.value = run.done;
        status.textContent = `${run.exercise}: ${run.done} of ${run.total} graded`;
      } else {
        bar.removeAttribute("value");
        status.textContent = `${run.exercise}: making ready`;
      }
    } else if (run !== null) {
      const last = run.lines.filter((line) => line.trim()).at(-1) || "";
      status.textContent = run.status === 0
        ? `${run.exercise}: done. ${run.lines.find((line) => / graded in /.test(line)) || ""}`
        : `${run.exercise}: not finished. ${last}`;
    }
    log.hidden = run === null;
    said.textContent = run === null ? "" : run.lines.join("\n");
    const exercise = state.exercises.find((one) => one.name === choice.value);
    results.replaceChildren(...(exercise && exercise.result && !running ? [table(exercise.result), report(exercise)] : []));
    return running;
  }

  async function refresh() {
    clearTimeout(timer);
    let milliseconds = 5000;
    try {
      milliseconds = show(await call("state")) ? 1000 : 0;
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
