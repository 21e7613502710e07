module github.com/carrelhq/carrel/digime

go 1.24

require github.com/andybalholm/brotli v1.2.8
