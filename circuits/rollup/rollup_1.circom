pragma circom 2.1.6;

include "rollup.circom";

component main { public [oldRoot, newRoot, batchHash] } = Rollup(6, 1);
