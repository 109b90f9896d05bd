// What n8n gives to the expressions and the Code node of a flow, and no more. A name that is not there is an error here,
// where n8n would go on with "undefined": so a field that our API does not have is found.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import vm from "node:vm";

const { value, code, world } = JSON.parse(readFileSync(0, "utf8"));

function strict(thing, path) {
  if (thing === null || typeof thing !== "object") return thing;
  return new Proxy(thing, {
    get(target, name) {
      if (typeof name === "symbol" || name === "toJSON") return target[name];
      if (Array.isArray(target) && name in Array.prototype) return target[name];
      if (!(name in target)) throw new ReferenceError(`${path} has no ${name}`);
      return strict(target[name], `${path}.${name}`);
    },
  });
}

const names = (look) => ({
  $json: look(world.item, "$json"),
  $input: { first: () => ({ json: look(world.item, "$json") }) },
  $: (node) => {
    if (!(node in world.nodes)) throw new ReferenceError(`no node ${node} has run`);
    return { first: () => ({ json: look(world.nodes[node], node) }) };
  },
  $execution: look(world.execution, "$execution"),
  $workflow: look(world.workflow, "$workflow"),
  $vars: world.vars,
});

function evaluate(expression) {
  const known = names(strict);
  return new Function(...Object.keys(known), `return (${expression});`)(...Object.values(known));
}

function render(part) {
  if (Array.isArray(part)) return part.map(render);
  if (part !== null && typeof part === "object") {
    return Object.fromEntries(Object.entries(part).map(([name, one]) => [name, render(one)]));
  }
  if (typeof part !== "string" || !part.startsWith("=")) return part;
  const alone = /^=\{\{((?:(?!\}\})[^])+)\}\}$/.exec(part);
  if (alone) return evaluate(alone[1]);
  return part.slice(1).replace(/\{\{((?:(?!\}\})[^])+)\}\}/g, (_, expression) => String(evaluate(expression)));
}

async function run() {
  const require = createRequire(import.meta.url);
  const context = vm.createContext({
    ...names((thing) => thing),
    Buffer,
    require: (module) => {
      if (module !== "crypto") throw new Error(`n8n is only told to allow crypto, not ${module}`);
      return require(module);
    },
    helpers: { getBinaryDataBuffer: async () => Buffer.from(world.binary, "base64") },
  });
  return vm.runInContext(`(async function () {\n${code}\n}).call(globalThis)`, context);
}

process.stdout.write(JSON.stringify(code === undefined ? render(value) : await run()));
