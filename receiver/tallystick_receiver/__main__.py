"""`tallystick` and `python -m tallystick_receiver`."""

from tallystick_receiver.cli import main

if __name__ == "__main__":
    main()
