#!/bin/busybox sh
# shellcheck shell=dash
# The whole user space of the virtual machine: loads the virtual camera, looks at it with `grab`,
# and sends what it saw through the second serial port. run.sh reads and judges it.

/bin/busybox --install -s /bin
export PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
stty -F /dev/ttyS1 raw
exec > /dev/ttyS1

while read -r module; do
    case "$module" in
        # One camera and nothing else: no outputs, no radio, no teletext.
        vivid.ko) insmod "/modules/$module" n_devs=1 num_inputs=1 input_types=0 node_types=0x1 num_outputs=0 ;;
        *) insmod "/modules/$module" ;;
    esac || echo "{\"error\":\"insmod $module failed\"}"
done < /modules/order

export RUST_LOG=lanlens_capture=debug
# Logs go to the console, which run.sh prints when something is wrong.
look() {
    echo "{\"step\":\"$1\"}"
    shift
    grab "$@" 2> /log || echo "{\"exit\":$?}"
    grep -oE 'opened (through nokhwa|directly)' /log | sed 's/.*/{"log":"&"}/'
    cat /log > /dev/console
}

look small /dev/video0 320x180 30 4
look large auto 1280x720 30 3

# Another program has the camera.
grab /dev/video0 320x180 30 4 > /dev/null 2>&1 &
sleep 2
look busy camera:0 320x180 30 1
wait

look unplug /dev/video0 320x180 30 1 unplug

# From here on the programs themselves: a camera and a viewer on this one machine.
ifconfig lo up

# Hundredths of a second since the machine began.
now() {
    local up
    read -r up _ < /proc/uptime
    echo "${up%.*}${up#*.}"
}

# How many events of a kind a program has told.
count() { grep -c "\"event\":\"$2\"" "/$1.json"; }

# told PROGRAM EVENT BEFORE SECONDS: waits for one more such event; how long that took, or null.
told() {
    local begin
    begin=$(now)
    until [ "$(count "$1" "$2")" -gt "$3" ]; do
        if [ $(($(now) - begin)) -gt $(($4 * 100)) ]; then
            echo null
            return
        fi
        usleep 20000
    done
    echo $((($(now) - begin) * 10))
}

# What the camera says to people of its device.
words() { grep '"event":"error"' /camera.json | tail -n 1; }

echo '{"step":"camera"}'
grab /dev/video0 320x180 30 8 > /dev/null 2>&1 &
sleep 1
export RUST_LOG=warn
lanlens-camera --home /camera --source /dev/video0 --size 320x180 --name Desk --access open \
    --listen 127.0.0.1:17470 --headless --json > /camera.json 2> /camera.log &
told camera ready 0 20 > /dev/null
lanlens watch --home /viewer --peer 127.0.0.1:17470 --json > /watch.json 2> /watch.log &
echo "{\"busy_told_ms\":$(told camera error 0 20)}"
words
echo "{\"busy_cause_ms\":$(told watch cause 0 20)}"
echo "{\"busy_live\":$(count watch live),\"busy_causes\":$(grep -c '"cause":"source"' /watch.json)}"
wait %1
echo "{\"busy_live_ms\":$(told watch live 0 30)}"
sleep 2

errors=$(count camera error) stalls=$(count watch stalled)
grab unplug /dev/video0 7 &
cable=$!
echo "{\"unplugged_stalled_ms\":$(told watch stalled "$stalls" 20)}"
echo "{\"unplugged_told_ms\":$(told camera error "$errors" 20)}"
words
lives=$(count watch live)
wait "$cable"
echo "{\"plugged_live_ms\":$(told watch live "$lives" 30)}"
sleep 2
kill -0 %2 && kill -0 %3 && echo '{"programs":"run"}'
kill %2 %3
wait
cat /camera.log /watch.log /camera.json /watch.json > /dev/console
echo '{"step":"end"}'
poweroff -f
