// Writes the inputs of a chain of batches as 1.json, 2.json, ...: the old root of
// each batch is the new root of the one before it.
//
//   node generate-batches.mjs [--batch N] [--depth D] [--count C] [--out DIR]

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { genesis, Random, toJson } from "./state.mjs";

const { values } = parseArgs({
    options: {
        batch: { type: "string", default: "1" },
        depth: { type: "string", default: "6" },
        count: { type: "string", default: "8" },
        out: { type: "string", default: "batches" },
    },
});
const [batch, depth, count] = [values.batch, values.depth, values.count].map(Number);

const random = new Random("zkpool rollup batches");
const state = genesis(depth, random);
const indices = [...state.accounts.keys()];

// At most a tenth of what the sender has, so that nobody runs dry.
function randomTransfer(state) {
    const from = indices[random.below(indices.length)];
    const to = indices[random.below(indices.length)];
    const limit = state.accounts.get(from).balance / 10n;
    return state.signed(from, to, random.below(limit) + 1);
}

mkdirSync(values.out, { recursive: true });
for (let k = 1; k <= count; k++) {
    const inputs = state.batch(Array(batch).fill(randomTransfer));
    writeFileSync(join(values.out, `${k}.json`), toJson(inputs));
}
