// A JupyterLab extension without a build: what Lab's loader asks of a federated module, written by hand.
// It adds two commands, to the launcher and the palette: "Grade a class" and "Formgrader".
(() => {
  let shared = {}; // the modules that JupyterLab offers: name -> version -> { get }

  async function offered(name) {
    const versions = Object.values(shared[name] || {});
    if (!versions.length) throw new Error(`JupyterLab does not offer ${name}`);
    return (await versions[0].get())();
  }

  // What is said here, in the course's language; English where the server does not answer.
  async function translations(address) {
    try {
      const answer = await fetch(`${address}/autograder/api/texts`, {
        credentials: "same-origin",
        signal: AbortSignal.timeout(3000),
      });
      return answer.ok ? ((await answer.json()).texts ?? {}) : {};
    } catch {
      return {};
    }
  }

  async function plugin() {
    const [{ PageConfig }, { ICommandPalette, MainAreaWidget }, { ILauncher }, { LabIcon }, { Widget }] =
      await Promise.all([
        "@jupyterlab/coreutils",
        "@jupyterlab/apputils",
        "@jupyterlab/launcher",
        "@jupyterlab/ui-components",
        "@lumino/widgets",
      ].map(offered));
    const drawing = (path) =>
      '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="16"><path class="jp-icon3" fill="none" ' +
      `stroke="#616161" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" d="${path}"/></svg>`;
    const ticks = new LabIcon({ name: "autograder:grade", svgstr: drawing("M3 6l2 2 4-4M13 6h8M3 17l2 2 4-4M13 17h8") });
    const form = new LabIcon({ name: "autograder:form", svgstr: drawing("M5 3h14v18H5zM9 8h6M9 12h6M9 16h3") });
    const address = PageConfig.getBaseUrl().replace(/\/$/, "");
    const texts = await translations(address);
    const say = (text) => texts[text] ?? text;

    function openGrading(app) {
      const content = new Widget();
      const place = document.createElement("div");
      content.node.append(place);
      content.node.style.overflow = "auto";
      const style = document.createElement("link");
      Object.assign(style, { rel: "stylesheet", href: `${address}/static/autograder/grading.css` });
      content.node.append(style);
      let end = () => {};
      import(`${address}/static/autograder/grading.js`).then(({ mount }) => {
        end = mount(place, address);
      });
      content.disposed.connect(() => end());
      const widget = new MainAreaWidget({ content });
      widget.title.label = say("Grade a class");
      widget.title.icon = ticks;
      widget.title.closable = true;
      app.shell.add(widget, "main");
      app.shell.activateById(widget.id);
    }

    return {
      id: "autograder-grading:plugin",
      autoStart: true,
      optional: [ICommandPalette, ILauncher],
      activate: (app, palette, launcher) => {
        app.commands.addCommand("autograder:grade", {
          label: say("Grade a class"),
          icon: ticks,
          caption: say("Run the kit's grader over what was collected"),
          execute: () => openGrading(app),
        });
        app.commands.addCommand("autograder:formgrader", {
          label: say("Formgrader"),
          icon: form,
          caption: say("Collect, comment, return feedback (opens in a new tab)"),
          execute: () => {
            window.open(`${address}/formgrader`, "_blank", "noopener");
          },
        });
        ["autograder:grade", "autograder:formgrader"].forEach((command, rank) => {
          if (palette) palette.addItem({ command, category: say("Course") });
          if (launcher) launcher.add({ command, category: say("Course"), rank });
        });
      },
    };
  }

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB["autograder-grading"] = {
    init: (scope) => {
      shared = scope;
    },
    get: async () => {
      const made = await plugin();
      return () => ({ __esModule: true, default: made });
    },
  };
})();
