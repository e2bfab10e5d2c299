// A JupyterLab extension without a build: what Lab's loader asks of a federated module, written by hand.
// It adds two commands, to the launcher and the palette: "Grade a class" and "Formgrader".
(() => {
  let shared = {}; // the modules that JupyterLab offers: name -> version -> { get }

  async function offered(name) {
    const versions = Object.values(shared[name] || {});
    if (!versions.length) throw new Error(`JupyterLab does not offer ${name}`);
    return (await versions[0].get())();
  }

  async function plugin() {
    const [{ PageConfig }, { ICommandPalette, MainAreaWidget }, { ILauncher }, { Widget }] = await Promise.all(
      ["@jupyterlab/coreutils", "@jupyterlab/apputils", "@jupyterlab/launcher", "@lumino/widgets"].map(offered));
    const address = PageConfig.getBaseUrl().replace(/\/$/, "");

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
      widget.title.label = "Grade a class";
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
          label: "Grade a class",
          caption: "Run the kit's grader over what was collected",
          execute: () => openGrading(app),
        });
        app.commands.addCommand("autograder:formgrader", {
          label: "Formgrader",
          caption: "Collect, comment, give feedback back (in a tab of its own: a Hub forbids frames)",
          execute: () => {
            window.open(`${address}/formgrader`, "_blank", "noopener");
          },
        });
        ["autograder:grade", "autograder:formgrader"].forEach((command, rank) => {
          if (palette) palette.addItem({ command, category: "Course" });
          if (launcher) launcher.add({ command, category: "Course", rank });
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
      return () => ({ default: made });
    },
  };
})();
