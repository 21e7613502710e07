package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"
)

// explainListen adds to the error of an address what to do about it.
func explainListen(address string, err error) error {
	const flag = "--listen (CARREL_LISTEN)"
	var malformed *net.AddrError
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf(
			"another program listens on %s, perhaps another server: stop it, or give another address with "+
				flag,
			address,
		)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("this machine has no address %s: give one that it has with "+flag+", such as 127.0.0.1:8080",
			address)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("this user may not listen on %s: give a port from 1024 on with "+flag+", and put a proxy in "+
			"front", address)
	case errors.As(err, &malformed):
		return fmt.Errorf("%s is no address to listen on (%s): give HOST:PORT with "+flag+", such as 127.0.0.1:8080",
			address, malformed.Err)
	}
	return fmt.Errorf("cannot listen on %s: %w: give HOST:PORT with "+flag+", such as 127.0.0.1:8080", address, err)
}

// explainDisk adds to an error of a disk what to do about it, unless the error says so already.
func explainDisk(err error) error {
	switch text := err.Error(); {
	case errors.Is(err, syscall.ENOSPC) && !strings.Contains(text, "is full"):
		return fmt.Errorf("%w. The disk is full: free some space on it, and run the command again", err)
	case errors.Is(err, syscall.EROFS) && !strings.Contains(text, "reading only"):
		return fmt.Errorf("%w. The disk is mounted for reading only: mount it for writing, or give another path", err)
	}
	return err
}
