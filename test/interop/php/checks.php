<?php
// What every PHP client is put through, and how it reports: one JSON line at the end. A check that
// fails ends the script with the status 1.

final class Checks
{
    private int $count = 0;

    public function __construct(private string $prefix)
    {
    }

    public function key(string $name): string
    {
        return "{$this->prefix}-$name";
    }

    public function equal(mixed $got, mixed $expected, string $what): void
    {
        $this->count += 1;
        if ($got === $expected) {
            return;
        }
        fprintf(STDERR, "Cannot pass %s: expected %s, got %s\n", $what,
            substr(var_export($expected, true), 0, 200), substr(var_export($got, true), 0, 200));
        exit(1);
    }

    public function done(): void
    {
        echo json_encode(['checks' => $this->count]);
    }
}
