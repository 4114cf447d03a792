// Runs one SDK for the matrix: `node driver.mjs MODULE HOST KEY`, then a request per line in, and lines out for each:
// any number of `{"piece"}`, then `{"answer"}` or `{"error", "kind", "told"}`. The line `"leave"` ends a stream early.

import readline from "node:readline";

// One SDK writes to the log what belongs to nobody; the lines here are answers.
console.log = console.error;

const [module, host, key] = process.argv.slice(2);
const { connect } = await import(module);
const sdk = connect(host, key);
let left = false;
let work = Promise.resolve();

const write = (line) => process.stdout.write(JSON.stringify(line) + "\n");

async function run({ operation, model, ask }) {
  left = false;
  try {
    write({ answer: (await operate(operation, model, ask)) ?? null });
  } catch (error) {
    write({ error: `${error?.stack ?? error}`, kind: sdk.kind(error) ?? null, told: told(error) });
  }
}

/** The message in the body of a refusal, if the body is of the form that the SDK knows. */
function told(error) {
  try {
    return sdk.told(error) ?? null;
  } catch {
    return null;
  }
}

async function operate(operation, model, ask) {
  if (operation !== "stream") return sdk[operation](model, ask);
  const stream = sdk.stream(model, ask);
  for (;;) {
    const { done, value } = await stream.next();
    if (done) return value;
    write({ piece: value });
    // Lines that came in meanwhile are read in between.
    await new Promise(setImmediate);
    if (left) return void (await stream.return());
  }
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const request = JSON.parse(line);
  if (request === "leave") left = true;
  else work = work.then(() => run(request));
});
