// The client of `opvasm lsp`, the debugger type, tasks, and the explorer's page in a webview.
const { execFile } = require("node:child_process");
const { mkdtemp, readFile, rm } = require("node:fs/promises");
const { tmpdir } = require("node:os");
const { join } = require("node:path");
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

function command() {
  const words = vscode.workspace.getConfiguration("opvasm").get("command");
  return Array.isArray(words) && words.length ? words : ["opvasm"];
}

async function startClient() {
  const [program, ...before] = command();
  const run = { command: program, args: [...before, "lsp"] };
  client = new LanguageClient("opvasm", "opvasm", { run, debug: run }, {
    documentSelector: [{ language: "opv" }],
    middleware: { executeCommand: showAnswer },
  });
  try {
    await client.start();
  } catch (error) {
    const text = `opvasm lsp does not start (${run.command}): pip install 'opvasm[lsp]', or set opvasm.command`;
    vscode.window.showErrorMessage(`${text}. ${error}`);
  }
}

// What a command of the server answers is a text for people: it is shown beside the editor.
async function showAnswer(name, parameters, next) {
  const answer = await next(name, parameters);
  const text = typeof answer === "string" ? answer : answer?.details;
  if (text && (name !== "opvasm.run" || !answer.good)) {
    const document = await vscode.workspace.openTextDocument({ content: text });
    await vscode.window.showTextDocument(document, { viewColumn: vscode.ViewColumn.Beside, preview: true, preserveFocus: true });
  }
  return answer;
}

async function debugLens(uri, name, kind) {
  const program = vscode.Uri.parse(uri);
  const document = await vscode.workspace.openTextDocument(program);
  const what = kind === "scenario" ? await failingSchedule(document, name) : { [kind]: name };
  if (!what) return;
  await vscode.debug.startDebugging(vscode.workspace.getWorkspaceFolder(program), {
    type: "opvasm", request: "launch", name, program: program.fsPath, stopOnEntry: true, ...what,
  });
}

// A scenario has no run of its own to step through: what is debugged is the schedule of its failure.
async function failingSchedule(document, name) {
  await document.save();
  const folder = await mkdtemp(join(tmpdir(), "opvasm-"));
  const schedule = join(folder, `${name}.json`);
  const [program, ...before] = command();
  const words = [...before, "explore", document.fileName, name, "--save", schedule];
  const said = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: `opvasm explores ${name}`, cancellable: true },
    (_progress, token) => new Promise((resolve) => {
      const child = execFile(program, words, (_error, out, errors) => resolve(out + errors));
      token.onCancellationRequested(() => child.kill("SIGINT"));
    }),
  );
  const saved = await readFile(schedule, "utf8").catch(() => "");
  if (saved) return { schedule };
  const text = await vscode.workspace.openTextDocument({ content: said });
  await vscode.window.showTextDocument(text, { viewColumn: vscode.ViewColumn.Beside, preview: true, preserveFocus: true });
  vscode.window.showInformationMessage(`${name} has no schedule that fails, so there is none to step through.`);
  return undefined;
}

// The page is whole in itself: its script runs, and nothing is fetched.
async function showPage() {
  const editor = vscode.window.activeTextEditor;
  if (editor?.document.languageId !== "opv") return;
  await editor.document.save();
  const panel = vscode.window.createWebviewPanel("opvasm.page", "opvasm explore", vscode.ViewColumn.Beside, {
    enableScripts: true, retainContextWhenHidden: true,
  });
  panel.webview.html = "exploring every interleaving …";
  const folder = await mkdtemp(join(tmpdir(), "opvasm-"));
  const page = join(folder, "page.html");
  const [program, ...before] = command();
  const words = [...before, "explore", editor.document.fileName, "-f", "html", "-o", page];
  const child = execFile(program, words, async (_error, _out, said) => {
    // Exit code 1 is a verdict and has its page; without a page there is something to read.
    panel.webview.html = await readFile(page, "utf8").catch(() => `<pre>${escapeHtml(said)}</pre>`);
    await rm(folder, { recursive: true, force: true });
  });
  panel.onDidDispose(() => child.kill("SIGINT"));
}

function escapeHtml(text) {
  return text.replace(/[&<>]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[sign]);
}

class Adapters {
  createDebugAdapterDescriptor() {
    const [program, ...before] = command();
    return new vscode.DebugAdapterExecutable(program, [...before, "debug", "--dap", "stdio"]);
  }
}

class Tasks {
  provideTasks() {
    return ["verify", "test", "explore"].map((subcommand) => this.task({ type: "opvasm", subcommand }));
  }
  resolveTask(task) {
    return this.task(task.definition);
  }
  task(definition) {
    const [program, ...before] = command();
    const words = [...before, definition.subcommand, definition.file ?? "${file}"];
    const run = new vscode.ProcessExecution(program, words);
    return new vscode.Task(definition, vscode.TaskScope.Workspace, definition.subcommand, "opvasm", run, "$opvasm");
  }
}

async function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand("opvasm.debug", debugLens),
    vscode.commands.registerCommand("opvasm.page", showPage),
    vscode.commands.registerCommand("opvasm.restart", async () => { await client?.stop(); await startClient(); }),
    vscode.debug.registerDebugAdapterDescriptorFactory("opvasm", new Adapters()),
    vscode.tasks.registerTaskProvider("opvasm", new Tasks()),
  );
  await startClient();
}

module.exports = { activate, deactivate: () => client?.stop() };
