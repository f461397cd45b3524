// Right and wrong proofs, each with the verdict of github.com/transparency-dev/merkle, which Edict's authors did not write: trees of its
// published leaves and of many more, every index and size, and what its own tests do to proofs to break them.
//
// A line each, for build/dev/tests/proof_vectors:
//
//	inclusion WANT INDEX SIZE ROOT LEAF-HASH [HASH…]
//	consistency WANT SIZE1 SIZE2 ROOT1 ROOT2 [HASH…]
//
// WANT is ok or bad; hashes are hexadecimal, "-" where there are no bytes.
package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"math"
	"os"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"
)

const (
	allBelow  = 34   // every pair of sizes
	largeSize = 1030 // some pairs, over several levels of tiles
)

var (
	out    = bufio.NewWriter(os.Stdout)
	hasher = rfc6962.DefaultHasher
	junk   = hasher.HashLeaf([]byte("no part of any tree"))
)

func spell(bytes []byte) string {
	if len(bytes) == 0 {
		return "-"
	}
	return hex.EncodeToString(bytes)
}

func want(err error) string {
	if err != nil {
		return "bad"
	}
	return "ok"
}

func print(kind, verdict string, a, b uint64, x, y []byte, hashes [][]byte) {
	fmt.Fprintf(out, "%s %s %d %d %s %s", kind, verdict, a, b, spell(x), spell(y))
	for _, hash := range hashes {
		fmt.Fprintf(out, " %s", spell(hash))
	}
	fmt.Fprintln(out)
}

func inclusion(index, size uint64, root, leaf []byte, hashes [][]byte) {
	print("inclusion", want(proof.VerifyInclusion(hasher, index, size, leaf, hashes, root)), index, size, root, leaf, hashes)
}

// From a tree of size 0 this version takes any root, and its successors none, as Edict.
func consistency(size1, size2 uint64, root1, root2 []byte, hashes [][]byte) {
	if size1 == 0 {
		return
	}
	print("consistency", want(proof.VerifyConsistency(hasher, size1, size2, hashes, root1, root2)), size1, size2, root1, root2, hashes)
}

func with(hashes [][]byte, more ...[]byte) [][]byte {
	return append(append([][]byte(nil), hashes...), more...)
}

// broken is every way to change the hashes of a proof.
func broken(hashes [][]byte, roots ...[]byte) (all [][][]byte) {
	all = append(all, nil, with(hashes, []byte{}), with(hashes, junk), with([][]byte{junk}, hashes...), with([][]byte{{}}, hashes...))
	for _, root := range roots {
		all = append(all, with(hashes, root), with([][]byte{root}, hashes...), [][]byte{root})
	}
	for i := range hashes {
		flipped := append([]byte(nil), hashes[i]...)
		flipped[i%len(flipped)] ^= 0x10
		without := append(with(hashes[:i]), hashes[i+1:]...)
		twice := append(with(hashes[:i], hashes[i]), hashes[i:]...)
		all = append(all, without, twice, append(with(hashes[:i], flipped), hashes[i+1:]...), hashes[:i], hashes[i:])
		if i > 0 {
			swapped := with(hashes)
			swapped[i], swapped[i-1] = swapped[i-1], swapped[i]
			all = append(all, swapped)
		}
	}
	return all
}

// near is the numbers that somebody may put in the place of one.
func near(n uint64) []uint64 {
	return []uint64{n - 1, n + 1, n ^ 2, n * 2, n / 2, n * 16, n / 16, n + 1<<32, 0, 1, math.MaxUint64}
}

func everyInclusion(tree *testonly.Tree, index, size uint64) {
	root, leaf := tree.HashAt(size), tree.LeafHash(index)
	hashes, err := tree.InclusionProof(index, size)
	if err != nil {
		panic(err)
	}
	inclusion(index, size, root, leaf, hashes)
	for _, other := range near(index) {
		inclusion(other, size, root, leaf, hashes)
	}
	for _, other := range near(size) {
		inclusion(index, other, root, leaf, hashes)
	}
	inclusion(index, size, nil, leaf, hashes)
	inclusion(index, size, hasher.EmptyRoot(), leaf, hashes)
	inclusion(index, size, junk, leaf, hashes)
	inclusion(index, size, leaf, leaf, hashes)
	inclusion(index, size, root, junk, hashes)
	inclusion(index, size, root, root, hashes)
	inclusion(index, size, root, leaf[1:], hashes)
	for _, wrong := range broken(hashes, root, leaf) {
		inclusion(index, size, root, leaf, wrong)
	}
}

func everyConsistency(tree *testonly.Tree, size1, size2 uint64) {
	root1, root2 := tree.HashAt(size1), tree.HashAt(size2)
	hashes, err := tree.ConsistencyProof(size1, size2)
	if err != nil {
		panic(err)
	}
	consistency(size1, size2, root1, root2, hashes)
	for _, other := range near(size1) {
		consistency(other, size2, root1, root2, hashes)
	}
	for _, other := range near(size2) {
		consistency(size1, other, root1, root2, hashes)
	}
	for _, wrong := range [][]byte{hasher.EmptyRoot(), junk} {
		consistency(size1, size2, wrong, root2, hashes)
		consistency(size1, size2, root1, wrong, hashes)
	}
	consistency(size1, size2, root2, root1, hashes)
	for _, wrong := range broken(hashes, root1, root2) {
		consistency(size1, size2, root1, root2, wrong)
	}
}

func main() {
	defer out.Flush()
	known := testonly.New(hasher)
	known.AppendData(testonly.LeafInputs()...)
	for size := uint64(0); size <= known.Size(); size++ {
		if got := known.HashAt(size); hex.EncodeToString(got) != hex.EncodeToString(testonly.RootHashes()[size]) {
			panic("the module contradicts itself")
		}
	}
	large := testonly.New(hasher)
	for i := 0; i < largeSize; i++ {
		large.AppendData([]byte(fmt.Sprintf("entry %d", i)))
	}
	for _, tree := range []*testonly.Tree{known, large} {
		for size := uint64(1); size <= tree.Size(); size++ {
			if size > allBelow && size != 255 && size != 256 && size != 257 && size != 512 && size != 768 && size != largeSize {
				continue
			}
			step := size/allBelow + 1
			for index := uint64(0); index < size; index += step {
				everyInclusion(tree, index, size)
				everyConsistency(tree, index, size)
			}
			everyInclusion(tree, size-1, size)
			everyConsistency(tree, size, size)
		}
	}
}
