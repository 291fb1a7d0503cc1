// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity >=0.8.4 <0.9.0;

/// Verifies Groth16 proofs of one circuit over BN254, whose verification key is written into it.
{warning}/// Public inputs come in the circuit's order, outputs first.
contract {contract} {
    /// Modulus of the coordinates of points.
    uint256 private constant P =
        0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;

    /// Modulus of public inputs.
    uint256 private constant R =
        0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;

    /// Whether a proof (a, b, c) holds for these public inputs.
    ///
    /// Of each coordinate of b the part with u comes first, as in EIP-197. A number that is not below
    /// its modulus, or a point that is not on its curve or not in its subgroup, is no proof.
    function verifyProof(
        uint256[2] calldata a,
        uint256[2][2] calldata b,
        uint256[2] calldata c,
        uint256[{inputs}] calldata input
    ) external view returns (bool) {
        if (a[0] >= P || a[1] >= P) return false;
        uint256[2] memory sum = [
            {ic_x},
            uint256({ic_y})
        ];
{terms}
        // e(-a, b) e(alpha, beta) e(sum, gamma) e(c, delta) = 1
        uint256[24] memory pairs = [
            a[0],
            (P - a[1]) % P,
            b[0][0],
            b[0][1],
            b[1][0],
            b[1][1],
{alpha},
{beta},
            sum[0],
            sum[1],
{gamma},
            c[0],
            c[1],
{delta}
        ];
        return isOne(pairs);
    }

    /// Adds a point times a scalar to the sum (EIP-196). False for a scalar that is not reduced.
    function add(uint256[2] memory sum, uint256 x, uint256 y, uint256 scalar)
        private
        view
        returns (bool success)
    {
        if (scalar >= R) return false;
        uint256[4] memory words = [x, y, scalar, 0];
        assembly ("memory-safe") {
            success := staticcall(gas(), 7, words, 0x60, words, 0x40)
            mcopy2(add(words, 0x40), sum)
            success := and(success, staticcall(gas(), 6, words, 0x80, sum, 0x40))
            function mcopy2(to, from) {
                mstore(to, mload(from))
                mstore(add(to, 0x20), mload(add(from, 0x20)))
            }
        }
    }

    /// Whether the product of the pairings of four pairs is one (EIP-197).
    function isOne(uint256[24] memory pairs) private view returns (bool) {
        uint256[1] memory result;
        bool success;
        assembly ("memory-safe") {
            success := staticcall(gas(), 8, pairs, 0x300, result, 0x20)
        }
        return success && result[0] == 1;
    }
}
