import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const ASSETS = new URL("../../../crates/web/assets/", import.meta.url);
const files = readdirSync(ASSETS);
const read = (/** @type {string} */ name) => readFileSync(new URL(name, ASSETS), "utf8");
const modules = files.filter((name) => name.endsWith(".js"));

test("the page asks for all its modules at once", () => {
  const named = [...read("index.html").matchAll(/rel="modulepreload" href="\/assets\/([^"]+)"/g)].map((found) => found[1]);
  assert.deepEqual(named.toSorted(), modules.toSorted());
});

test("whatever a file of the page names is one of its files", () => {
  for (const name of files.filter((file) => !file.endsWith(".woff2"))) {
    const text = read(name);
    const wanted = [
      ...text.matchAll(/(?:src|href)="\/assets\/([^"]+)"/g),
      ...text.matchAll(/url\("\/assets\/([^"]+)"\)/g),
      ...text.matchAll(/from "\.\/([^"]+)"/g),
    ].map((found) => found[1] ?? "");
    for (const file of wanted) assert.ok(files.includes(file), `${name} names ${file}`);
  }
});

test("nothing is asked of anywhere else, and nothing stands inline", () => {
  for (const name of files.filter((file) => !file.endsWith(".woff2"))) {
    const text = read(name).replaceAll('xmlns="http://www.w3.org/2000/svg"', "");
    assert.doesNotMatch(text, /(?:src|href|url|import|fetch)[=( ]+["'(]?(?:https?:)?\/\//i, name);
    assert.doesNotMatch(text, /<style|<script(?! type="module" src=)|\sstyle="|\son[a-z]+="|javascript:/i, name);
  }
});

test("every symbol that is shown is in the page", () => {
  const page = read("index.html");
  const drawn = new Set([...page.matchAll(/<symbol id="i-([^"]+)"/g)].map((found) => found[1]));
  const words = [...read("words.js").matchAll(/^ {4}"([a-z_0-9]+)",$/gm)].map((found) => found[1] ?? "");
  const used = [...(page + read("view.js")).matchAll(/"#i-([^"]+)"/g)].map((found) => found[1] ?? "");
  assert.ok(words.length > 20 && used.length > 8);
  for (const name of [...words, ...used]) assert.ok(drawn.has(name), name);
});

test("the whole page is small: a phone opens it in a moment", () => {
  const bytes = files.reduce((sum, name) => sum + readFileSync(new URL(name, ASSETS)).length, 0);
  assert.ok(bytes < 220 * 1024, `${bytes} bytes`);
});
