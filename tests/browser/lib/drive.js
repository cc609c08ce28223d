#!/usr/bin/env node
/**
 * A phone for tests in other languages: one JSON command a line on standard input, one JSON answer a
 * line on standard output.
 *
 *   {"do":"launch","video":"/tmp/a.y4m","cameras":2}       options of Phone.launch
 *   {"do":"open","url":"https://…/#token"}                  → {"ok":true} where there was a warning
 *   {"do":"start","name":"Kitchen"}
 *   {"do":"phase","wanted":["live"],"timeoutMs":5000}       → {"ok":"live"}
 *   {"do":"trouble"} {"do":"outgoing"} {"do":"complaints"} {"do":"text"}
 *   {"do":"turn","width":720,"height":1280}                 after "canvas":{"width":1280,"height":720}
 *   {"do":"hide","hidden":true} {"do":"reload"} {"do":"goto","url":"about:blank"}
 *   {"do":"evaluate","script":"location.href"} {"do":"screenshot","path":"/tmp/a.png"}
 *   {"do":"close"}
 *
 * An answer is {"ok":…} or {"error":"…"}. Ends, and closes the browser, with its input.
 */

import { createInterface } from "node:readline";
import { Phone } from "./phone.js";

/** @type {Phone | null} */
let phone = null;

function launched() {
  if (!phone) throw new Error("launch comes first");
  return phone;
}

/** @type {Record<string, (command: any) => unknown>} */
const COMMANDS = {
  launch: async ({ do: _, ...options }) => {
    await phone?.close();
    phone = await Phone.launch(options);
    return true;
  },
  open: ({ url }) => launched().open(url),
  goto: async ({ url }) => Boolean(await launched().page.goto(url, { waitUntil: "commit" })),
  reload: async () => Boolean(await launched().page.reload({ waitUntil: "commit" })),
  start: ({ name }) => launched().start(name),
  phase: ({ wanted, timeoutMs }) => launched().phase(wanted, timeoutMs),
  trouble: () => launched().trouble(),
  outgoing: () => launched().outgoing(),
  complaints: () => launched().complaints,
  text: () => launched().page.innerText("body"),
  turn: ({ width, height }) => launched().turn(width, height),
  hide: ({ hidden }) => launched().hide(hidden),
  evaluate: ({ script }) => launched().page.evaluate(script),
  screenshot: ({ path }) => launched().screenshot(path),
  close: async () => {
    await phone?.close();
    phone = null;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() === "") continue;
  let answer;
  try {
    const command = JSON.parse(line);
    const run = COMMANDS[command.do];
    if (!run) throw new Error(`no such command: ${command.do}`);
    answer = { ok: (await run(command)) ?? null };
  } catch (error) {
    answer = { error: error instanceof Error ? error.message : String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await COMMANDS.close?.({});
