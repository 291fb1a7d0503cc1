pragma circom 2.1.6;

include "circomlib/circuits/poseidon.circom";

// A chain of Poseidon hashes of two inputs, and then of squares up to an exact number of
// constraints. Almost every value of the witness is of full size.
template Dense(hashes, squares) {
    signal input in;
    signal output out;

    component hash[hashes];
    signal link[hashes + 1];
    link[0] <== in;
    for (var i = 0; i < hashes; i++) {
        hash[i] = Poseidon(2);
        hash[i].inputs[0] <== link[i];
        hash[i].inputs[1] <== i;
        link[i + 1] <== hash[i].out;
    }

    signal square[squares + 1];
    square[0] <== link[hashes];
    for (var i = 0; i < squares; i++) {
        square[i + 1] <== square[i] * square[i];
    }
    out <== square[squares];
}
