//! The cameras of a Linux machine and the names that stay with them.
//!
//! Read from sysfs and from udev's links; both roots are arguments, so that tests bring their own.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the kernel and udev describe devices.
#[derive(Debug, Clone, Copy)]
pub(super) struct Roots<'a> {
    /// `/sys`.
    pub(super) sys: &'a Path,
    /// `/dev`.
    pub(super) dev: &'a Path,
}

/// A video node of the kernel; not every one is a camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VideoNode {
    /// The N of `/dev/videoN`.
    pub(super) number: u32,
    pub(super) path: PathBuf,
    pub(super) name: String,
}

impl<'a> Roots<'a> {
    /// Those of this machine.
    pub(super) fn of_this_machine() -> Roots<'static> {
        Roots { sys: Path::new("/sys"), dev: Path::new("/dev") }
    }

    fn class(&self, number: u32) -> PathBuf {
        self.sys.join(format!("class/video4linux/video{number}"))
    }

    /// All video nodes that exist under `/dev`, by number.
    pub(super) fn video_nodes(&self) -> Vec<VideoNode> {
        let Ok(entries) = fs::read_dir(self.sys.join("class/video4linux")) else {
            return Vec::new();
        };
        let mut nodes: Vec<VideoNode> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?.file_name();
                let number = video_number(Path::new(&entry))?;
                let path = self.dev.join(&entry);
                path.exists().then(|| VideoNode { number, name: self.name(number), path })
            })
            .collect();
        nodes.sort_by_key(|node| node.number);
        nodes
    }

    /// What the driver calls the camera.
    pub(super) fn name(&self, number: u32) -> String {
        match fs::read(self.class(number).join("name")) {
            Ok(name) => String::from_utf8_lossy(&name).trim().to_owned(),
            Err(_) => format!("video{number}"),
        }
    }

    /// udev's name for the camera by maker and serial number, else by where it is plugged in; the
    /// same from sysfs where no udev runs; else the path.
    pub(super) fn stable_id(&self, path: &Path) -> String {
        for folder in ["v4l/by-id", "v4l/by-path"] {
            if let Some(link) = link_to(&self.dev.join(folder), path) {
                return link;
            }
        }
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        video_number(&path)
            .and_then(|number| self.usb_id(number))
            .unwrap_or_else(|| path.display().to_string())
    }

    /// Vendor, product, serial number and port of a USB camera.
    fn usb_id(&self, number: u32) -> Option<String> {
        let interface = self.class(number).join("device").canonicalize().ok()?;
        let device = interface.parent()?;
        let read = |name: &str| {
            let text = fs::read_to_string(device.join(name)).ok()?;
            Some(text.trim().to_owned())
        };
        let (vendor, product) = (read("idVendor")?, read("idProduct")?);
        let port = device.file_name()?.to_string_lossy();
        // Which of the nodes of this interface: a second lens, say.
        let node = fs::read_to_string(self.class(number).join("index")).unwrap_or_default();
        let serial = read("serial").unwrap_or_default();
        Some(format!("usb-{vendor}:{product}:{serial}@{port}#{}", node.trim()))
    }
}

/// The N of a path that ends in `videoN`.
pub(super) fn video_number(path: &Path) -> Option<u32> {
    let digits = path.file_name()?.to_str()?.strip_prefix("video")?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// The first link, by name, in `folder` that leads to `path`.
fn link_to(folder: &Path, path: &Path) -> Option<String> {
    let target = path.canonicalize().ok()?;
    fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| {
            let link = entry.ok()?;
            let leads_there = link.path().canonicalize().ok()? == target;
            leads_there.then(|| link.file_name().to_string_lossy().into_owned())
        })
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// Two cameras: a USB one with two nodes, and one that the kernel knows but `/dev` lacks.
    fn machine() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        let write = |path: &str, text: &str| {
            fs::create_dir_all(at(path).parent().unwrap()).unwrap();
            fs::write(at(path), text).unwrap();
        };
        write("sys/devices/usb1/1-4/idVendor", "046d\n");
        write("sys/devices/usb1/1-4/idProduct", "082d\n");
        write("sys/devices/usb1/1-4/serial", "AB12\n");
        fs::create_dir_all(at("sys/devices/usb1/1-4/1-4:1.0")).unwrap();
        for (node, index) in [("video10", "1\n"), ("video2", "0\n"), ("video4", "0\n")] {
            let class = format!("sys/class/video4linux/{node}");
            write(&format!("{class}/name"), "HD Pro Webcam\n");
            write(&format!("{class}/index"), index);
            symlink(at("sys/devices/usb1/1-4/1-4:1.0"), at(&class).join("device")).unwrap();
        }
        write("sys/class/video4linux/v4l-subdev0/name", "sensor\n");
        write("dev/video2", "");
        write("dev/video10", "");
        root
    }

    fn with<T>(root: &tempfile::TempDir, ask: impl Fn(Roots<'_>, &Path) -> T) -> T {
        let (sys, dev) = (root.path().join("sys"), root.path().join("dev"));
        ask(Roots { sys: &sys, dev: &dev }, &dev)
    }

    #[test]
    fn nodes_come_in_the_order_of_their_numbers_and_only_those_that_can_be_opened() {
        with(&machine(), |roots, dev| {
            let nodes = roots.video_nodes();
            assert_eq!(nodes.iter().map(|node| node.number).collect::<Vec<_>>(), [2, 10]);
            assert_eq!(nodes[0].name, "HD Pro Webcam");
            assert_eq!(nodes[0].path, dev.join("video2"));
        });
    }

    #[test]
    fn udevs_name_by_serial_number_comes_first_then_by_port_then_sysfs_then_the_path() {
        let root = machine();
        let id = |root: &tempfile::TempDir| {
            with(root, |roots, dev| roots.stable_id(&dev.join("video2")))
        };
        assert_eq!(id(&root), "usb-046d:082d:AB12@1-4#0");
        for (folder, name) in [("by-path", "pci-0000-usb-0:4"), ("by-id", "usb-Logitech-AB12")] {
            let folder = root.path().join("dev/v4l").join(folder);
            fs::create_dir_all(&folder).unwrap();
            symlink("../../video2", folder.join(name)).unwrap();
            symlink("../../video10", folder.join("another")).unwrap();
            assert_eq!(id(&root), name);
        }
        let gone = with(&root, |roots, _| roots.stable_id(Path::new("/dev/video4711")));
        assert_eq!(gone, "/dev/video4711");
    }

    #[test]
    fn two_nodes_of_one_camera_have_different_names() {
        with(&machine(), |roots, dev| {
            let ids = ["video2", "video10"].map(|node| roots.stable_id(&dev.join(node)));
            assert_ne!(ids[0], ids[1]);
        });
    }
}
