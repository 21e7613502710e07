package wire

import (
	"bytes"
	"crypto/rand"
	"io"
	"sync"
	"testing"
)

// More long files at once than there are pipelines: some go through the stages, some
// piece by piece, and all arrive.
func TestSealEnvelopeManyAtOnce(t *testing.T) {
	key := testKey(t)
	var wait sync.WaitGroup
	for i := range 5 * maxPipelines {
		size := sealSmall + 1 + i*400_000
		wait.Add(1)
		go func() {
			defer wait.Done()
			content := make([]byte, size)
			_, _ = rand.Read(content)
			r, w := io.Pipe()
			go func() {
				_, err := SealEnvelope(w, &key.PublicKey, bytes.NewReader(content))
				w.CloseWithError(err)
			}()
			got, err := io.ReadAll(OpenEnvelope(key, r))
			if err != nil || !bytes.Equal(got, content) {
				t.Errorf("size %d: %d bytes and error %v", size, len(got), err)
			}
		}()
	}
	wait.Wait()
}

// Each way of sealing, for each size around its edges.
func TestSealPieces(t *testing.T) {
	for range maxPipelines {
		pipelines <- struct{}{} // take every place
	}
	defer func() {
		for range maxPipelines {
			<-pipelines
		}
	}()
	key := testKey(t)
	for _, size := range []int{sealSmall, sealSmall + 1, 2*sealSmall - 1, 2 * sealSmall, 2*sealSmall + 1, 1 << 20} {
		content := make([]byte, size)
		_, _ = rand.Read(content)
		var sealed bytes.Buffer
		n, err := SealEnvelope(&sealed, &key.PublicKey, bytes.NewReader(content))
		if err != nil || n != EnvelopeSize(int64(size)) {
			t.Errorf("size %d: wrote %d, error %v", size, n, err)
		}
		got, err := io.ReadAll(OpenEnvelope(key, &sealed))
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("size %d: read %d bytes, error %v", size, len(got), err)
		}
	}
}
