package bench

// A scatter is an order of the numbers from 0 to n-1 in which neighbours are far from each other. It is the same each
// time, and needs no memory.
type scatter struct{ n, stride int }

func newScatter(n int) scatter {
	stride := max(1, int(float64(n)*0.618))
	for gcd(stride, n) != 1 {
		stride++
	}
	return scatter{n, stride}
}

// at returns the i-th number. After n of them the order begins again.
func (s scatter) at(i int) int { return i % s.n * s.stride % s.n }

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
