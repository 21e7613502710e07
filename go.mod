module github.com/carrelhq/carrel

go 1.26.8
