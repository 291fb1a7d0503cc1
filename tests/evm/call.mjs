// Compiles a verifier contract, puts it on an Ethereum virtual machine, and calls it.
//
//   node call.mjs SOURCE <calls.json
//
// calls.json is a list of arguments of `verifyProof`, each as `snarkjs generatecall` prints them.
// Prints, as a list in JSON, what each call returned, or "reverted"; and the size of the code.
import { readFileSync } from 'node:fs';
import { Common, Hardfork, Mainnet } from '@ethereumjs/common';
import { createEVM } from '@ethereumjs/evm';
import { bytesToHex, createAddressFromString, hexToBytes } from '@ethereumjs/util';
import solc from 'solc';

const GAS_MAX = 30_000_000n;
const ADDRESS = createAddressFromString(`0x${'11'.repeat(20)}`);

// The code of the one contract of a source, and the selector of its function.
function compile(source) {
  const outputSelection = { '*': { '*': ['evm.deployedBytecode.object', 'evm.methodIdentifiers'] } };
  const settings = { optimizer: { enabled: true, runs: 200 }, outputSelection };
  const sources = { 'verifier.sol': { content: source } };
  const input = JSON.stringify({ language: 'Solidity', sources, settings });
  const { contracts, errors = [] } = JSON.parse(solc.compile(input));
  const complaints = errors.map((error) => error.formattedMessage);
  if (!contracts) throw new Error(complaints.join('\n'));
  const [{ evm }] = Object.values(contracts['verifier.sol']);
  const [selector] = Object.values(evm.methodIdentifiers);
  return { code: hexToBytes(`0x${evm.deployedBytecode.object}`), selector, complaints };
}

// All types of the arguments have a fixed size, so that their encoding is their words in order.
function encode(selector, call) {
  const words = JSON.parse(`[${call}]`).flat(Infinity);
  return hexToBytes(`0x${selector}${words.map((word) => word.slice(2)).join('')}`);
}

const { code, selector, complaints } = compile(readFileSync(process.argv[2], 'utf8'));
const common = new Common({ chain: Mainnet, hardfork: Hardfork.Cancun });
const evm = await createEVM({ common });
await evm.stateManager.putCode(ADDRESS, code);

const returned = [];
for (const call of JSON.parse(readFileSync(0, 'utf8'))) {
  const data = encode(selector, call);
  const { execResult } = await evm.runCall({ to: ADDRESS, data, gasLimit: GAS_MAX });
  const value = execResult.exceptionError ? 'reverted' : BigInt(bytesToHex(execResult.returnValue)) === 1n;
  returned.push({ value, gas: Number(execResult.executionGasUsed) });
}
console.log(JSON.stringify({ returned, complaints, code_bytes: code.length }));
