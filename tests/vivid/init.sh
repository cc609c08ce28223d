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
echo '{"step":"end"}'
poweroff -f
